#include "codec/floats.h"
#include <charconv>
#include <fast_float/fast_float.h>

namespace
{
template <typename T> T read(const char *text, size_t size)
{
    T v = 0;
    (void)fast_float::from_chars(text, text + size, v);
    return v;
}

template <typename T> size_t write(T v, char *out)
{
    return static_cast<size_t>(
        std::to_chars(out, out + MOLA_FLOAT_TEXT_MAX, v, std::chars_format::scientific).ptr - out);
}
} // namespace

float mola_float_read_f32(const char *text, size_t size)
{
    return read<float>(text, size);
}

double mola_float_read_f64(const char *text, size_t size)
{
    return read<double>(text, size);
}

size_t mola_float_write_f32(float v, char *out)
{
    return write(v, out);
}

size_t mola_float_write_f64(double v, char *out)
{
    return write(v, out);
}
