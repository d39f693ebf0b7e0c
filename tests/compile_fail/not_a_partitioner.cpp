// expect: a partitioner is a copyable value with int partitions
#include "millrace/context.hpp"

struct wrong {
  int partitions() const { return 2; }
};

void misuse(const millrace::context& sc) {
  sc.range(3).map([](std::int64_t i) { return std::pair(i, i); }).partition_by(wrong());
}
