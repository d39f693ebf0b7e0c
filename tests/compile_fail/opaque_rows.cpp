// expect: this type cannot travel as a row
// expect: specialise mr::codec<T>
#include "millrace/context.hpp"

class opaque {
 public:
  explicit opaque(std::int64_t n) : n_(n) {}

 private:
  std::int64_t n_;
};

void misuse(const millrace::context& sc) {
  sc.range(3).map([](std::int64_t i) { return opaque(i); });
}
