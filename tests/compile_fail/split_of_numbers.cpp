// expect: split works on rows of text
#include "millrace/context.hpp"

void misuse(const millrace::context& sc) { sc.range(3).flat_map(millrace::split(' ')); }
