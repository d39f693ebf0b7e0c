// expect: a union is of datasets with rows of one type
#include <string>

#include "millrace/context.hpp"

void misuse(const millrace::context& sc) {
  sc.union_of(sc.range(3), sc.range(3).map([](std::int64_t i) { return std::to_string(i); }));
}
