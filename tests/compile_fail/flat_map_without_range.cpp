// expect: a flat_map function must return a range of rows
#include "millrace/context.hpp"

void misuse(const millrace::context& sc) {
  sc.range(3).flat_map([](std::int64_t i) { return i; });
}
