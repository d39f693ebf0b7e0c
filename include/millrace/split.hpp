// Cutting lines into words.
#pragma once

#include <cstddef>
#include <iterator>
#include <string_view>

namespace millrace {

namespace detail {

/// The pieces of a text, found while they are asked for; nothing is allocated. Views into the text.
template <class Splitter>
class pieces {
 public:
  class iterator {
   public:
    using value_type = std::string_view;
    using reference = std::string_view;
    using pointer = const std::string_view*;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;

    iterator() = default;
    iterator(std::string_view text, Splitter splitter) : rest_(text), splitter_(splitter) {
      done_ = !splitter_.next(rest_, more_, piece_);
    }
    std::string_view operator*() const { return piece_; }
    const std::string_view* operator->() const { return &piece_; }
    iterator& operator++() {
      done_ = !splitter_.next(rest_, more_, piece_);
      return *this;
    }
    iterator operator++(int) {
      iterator before = *this;
      ++*this;
      return before;
    }
    bool operator==(const iterator& other) const {
      return done_ == other.done_ && (done_ || piece_.data() == other.piece_.data());
    }

   private:
    std::string_view rest_;
    std::string_view piece_;
    Splitter splitter_{};
    bool more_ = true;
    bool done_ = true;
  };

  pieces(std::string_view text, Splitter splitter) : text_(text), splitter_(splitter) {}
  iterator begin() const { return iterator(text_, splitter_); }
  iterator end() const { return iterator(); }

 private:
  std::string_view text_;
  Splitter splitter_;
};

struct field_splitter {
  char delimiter = ' ';
  pieces<field_splitter> operator()(std::string_view text) const { return {text, *this}; }

  bool next(std::string_view& rest, bool& more, std::string_view& piece) const {
    if (!more) return false;
    const auto end = rest.find(delimiter);
    more = end != std::string_view::npos;
    piece = rest.substr(0, end);
    if (more) rest.remove_prefix(end + 1);
    return true;
  }
};

struct word_splitter {
  static constexpr std::string_view white = " \t\n\v\f\r";
  pieces<word_splitter> operator()(std::string_view text) const { return {text, *this}; }

  bool next(std::string_view& rest, bool& more, std::string_view& piece) const {
    const auto begin = rest.find_first_not_of(white);
    more = begin != std::string_view::npos;
    if (!more) return false;
    rest.remove_prefix(begin);
    piece = rest.substr(0, rest.find_first_of(white));
    rest.remove_prefix(piece.size());
    return true;
  }
};

}  // namespace detail

/// For `flat_map` (and by itself): the fields of a text between delimiters, empty ones too, as
/// Python's `str.split(' ')`: an empty text has one empty field.
constexpr detail::field_splitter split(char delimiter) { return {delimiter}; }

/// The words of a text: what stands between runs of white space (`" \t\n\v\f\r"`), never empty.
constexpr detail::word_splitter words() { return {}; }

}  // namespace millrace
