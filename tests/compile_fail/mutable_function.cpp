// expect: a mutable lambda cannot be used
#include "millrace/context.hpp"

void misuse(const millrace::context& sc) {
  sc.range(3).map([n = std::int64_t{0}](std::int64_t i) mutable { return n += i; });
}
