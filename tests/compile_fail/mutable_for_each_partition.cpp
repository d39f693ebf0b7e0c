// expect: for_each_partition needs a function of mr::partition_rows<T>&, callable as const F&
#include "millrace/context.hpp"

void misuse(const millrace::context& sc) {
  sc.range(3).for_each_partition([n = 0](millrace::partition_rows<std::int64_t>&) mutable { ++n; });
}
