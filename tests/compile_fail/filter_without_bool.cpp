// expect: a filter's function must return bool
#include <string>

#include "millrace/context.hpp"

void misuse(const millrace::context& sc) {
  sc.range(3).filter([](std::int64_t) { return std::string(); });
}
