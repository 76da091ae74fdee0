"""AWS Signature Version 4 for requests that the fault proxy changes. An implementation of its own, so that it is also a
second opinion on ours."""
import hashlib
import hmac
import re


def _mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signature(secret, region, request, names):
    """Of a request (http11.Message) whose headers `names` are signed."""
    path, _, query = request.target.partition("?")
    date = request.header("x-amz-date").decode()
    headers = "".join(f"{name}:{re.sub(' +', ' ', request.header(name).decode())}\n" for name in names)
    canonical = "\n".join([request.method, path, "&".join(sorted(query.split("&"))), headers, ";".join(names),
                           request.header("x-amz-content-sha256").decode()])
    scope = f"{date[:8]}/{region}/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", date, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = _mac(_mac(_mac(_mac(b"AWS4" + secret.encode(), date[:8]), region), "s3"), "aws4_request")
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def parts(request):
    """(key id, date, region, signed names, signature) of the Authorization header; None: not one of these."""
    found = re.fullmatch(rb"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/s3/aws4_request, ?"
                         rb"SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})",
                         request.header("authorization") or b"")
    return found and [part.decode() for part in found.groups()]


def without(request, secret, *dropped):
    """The same request without these headers, signed anew."""
    key_id, day, region, names, _ = parts(request)
    kept = [name for name in names.split(";") if name not in dropped]
    request = request.without("authorization", *dropped)
    value = f"AWS4-HMAC-SHA256 Credential={key_id}/{day}/{region}/s3/aws4_request, " \
            f"SignedHeaders={';'.join(kept)}, Signature={signature(secret, region, request, kept)}"
    request.lines.append(f"Authorization: {value}".encode())
    return request
