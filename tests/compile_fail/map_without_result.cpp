// expect: this function returns nothing, but its result is to be a row
#include "millrace/context.hpp"

void misuse(const millrace::context& sc) {
  sc.range(3).map([](std::int64_t) {});
}
