"""embed.py TEXT OUTPUT: a file as a C array, for api/probe.c to hand out, with a tag that changes with its bytes."""
import hashlib
import pathlib
import sys

data = pathlib.Path(sys.argv[1]).read_bytes()
lines = (",".join(map(str, data[at:at + 32])) for at in range(0, len(data), 32))
pathlib.Path(sys.argv[2]).write_text(f'''#include "api/private.h"

static const unsigned char bytes[] = {{
{(","+chr(10)).join(lines)}
}};
const mola_str mola_openapi_text = {{(const char *)bytes, sizeof bytes}};
const char mola_openapi_tag[] = "{hashlib.sha256(data).hexdigest()[:16]}";
''')
