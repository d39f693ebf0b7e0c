// expect: a pointer cannot be a row
// expect: return std::string
#include "millrace/context.hpp"

void misuse(const millrace::context& sc) {
  sc.range(3).map([](std::int64_t) { return "text"; });
}
