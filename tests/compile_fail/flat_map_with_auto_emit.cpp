// expect: mr::emit<U>& with U written out
#include "millrace/context.hpp"

void misuse(const millrace::context& sc) {
  sc.range(3).flat_map([](std::int64_t i, auto& out) { out(i); });
}
