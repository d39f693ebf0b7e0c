// expect: a row type must be copyable
#include <memory>

#include "millrace/context.hpp"

void misuse(const millrace::context& sc) {
  sc.range(3).map([](std::int64_t i) { return std::make_unique<std::int64_t>(i); });
}
