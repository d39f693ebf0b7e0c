// expect: makes new text, but the rows hold std::string_view
#include <string>

#include "millrace/context.hpp"

void misuse(const millrace::context& sc) {
  sc.text_file("words.txt")
      .map([](std::string_view w) { return std::pair(w.size(), w); })
      .reduce_by_key(
          [](std::string_view a, std::string_view b) { return std::string(a) + std::string(b); });
}
