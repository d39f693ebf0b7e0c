// expect: a C array \(std::array can\)
#include "millrace/context.hpp"

struct vector3 {
  double at[3];
  int n;
};

void misuse(const millrace::context& sc) {
  sc.range(3).map([](std::int64_t) { return vector3{}; });
}
