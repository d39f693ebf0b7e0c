// expect: this type has no order: give it operator<
#include <unordered_map>

#include "millrace/context.hpp"

void misuse(const millrace::context& sc) {
  sc.range(3).sort_by([](std::int64_t i) { return std::unordered_map<int, std::int64_t>{{1, i}}; });
}
