// expect: this is new text, but the rows emitted are views of it, which would dangle
#include <string>

#include "millrace/context.hpp"

void misuse(const millrace::context& sc) {
  sc.range(3).flat_map(
      [](std::int64_t i, millrace::emit<std::string_view>& out) { out(std::to_string(i)); });
}
