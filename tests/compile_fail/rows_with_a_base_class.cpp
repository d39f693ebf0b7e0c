// expect: a base class
#include "millrace/context.hpp"

struct place {
  int x;
};
struct named_place : place {
  int name;
};

void misuse(const millrace::context& sc) {
  sc.range(3).map([](std::int64_t) { return named_place{}; });
}
