// expect: reduce needs a function of two rows that returns such a row
#include <string>

#include "millrace/context.hpp"

void misuse(const millrace::context& sc) {
  sc.range(3).reduce([](std::int64_t, std::int64_t) { return std::string(); });
}
