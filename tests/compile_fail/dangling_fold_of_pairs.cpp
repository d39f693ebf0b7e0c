// expect: this function makes new text, but the rows hold std::string_view
#include <string>
#include <tuple>

#include "millrace/context.hpp"

void misuse(const millrace::context& sc) {
  sc.text_file("log")
      .map([](std::string_view line) { return std::tuple(line, 1); })
      .reduce([](const auto& a, const auto& b) {
        return std::tuple(std::string(std::get<0>(a)) + '+', std::get<1>(b));
      });
}
