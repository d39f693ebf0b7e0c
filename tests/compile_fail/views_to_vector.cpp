// expect: these rows view text that mr::rows owns
#include "millrace/context.hpp"

void misuse(const millrace::context& sc) { sc.text_file("words.txt").collect().to_vector(); }
