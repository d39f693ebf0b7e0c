// expect: this type cannot be a key: it needs == and a hash
#include "millrace/codec.hpp"
#include "millrace/context.hpp"

class opaque {};
template <>
struct millrace::codec<opaque> {
  static void encode(const opaque&, byte_writer&) {}
  static opaque decode(byte_reader&) { return {}; }
};

void misuse(const millrace::context& sc) {
  sc.range(3).map([](std::int64_t i) { return std::pair(opaque(), i); }).group_by_key();
}
