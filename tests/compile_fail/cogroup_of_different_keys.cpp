// expect: the same key type on both sides
#include <string>

#include "millrace/context.hpp"

void misuse(const millrace::context& sc) {
  const auto numbers = sc.range(3).map([](std::int64_t i) { return std::pair(i, i); });
  const auto texts = numbers.map([](const auto& p) { return std::pair(std::string(), p.second); });
  numbers.cogroup(numbers, texts);
}
