// expect: this type cannot travel as a row. It, or something in it, is a pointer, a reference
#include "millrace/context.hpp"

struct counted {
  int& by;
};

void misuse(const millrace::context& sc) {
  int n = 0;
  sc.range(3).map([&](std::int64_t) { return counted{n}; });
}
