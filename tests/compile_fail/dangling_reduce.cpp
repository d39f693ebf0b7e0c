// expect: makes new text, but the rows hold std::string_view
#include <string>

#include "millrace/context.hpp"

void misuse(const millrace::context& sc) {
  sc.text_file("words.txt").reduce([](std::string_view a, std::string_view b) {
    return std::string(a) + std::string(b);
  });
}
