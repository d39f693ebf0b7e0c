#include "streaming/windows/slide_tree.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "millrace/detail/dataset/row_traits.hpp"

namespace millrace::detail {
namespace {

/// Joins texts, counts how often, and fails when told to.
struct joining {
  mutable int calls = 0;
  mutable int fails_at = 0;
  static void combine(const void* self, const void* a, const void* b, void* to) {
    const auto& me = *static_cast<const joining*>(self);
    if (++me.calls == me.fails_at) throw std::runtime_error("not now");
    ::new (to)
        std::string(*static_cast<const std::string*>(a) + *static_cast<const std::string*>(b));
  }
};

/// A window of so many slides of one key, beside the plain list of what each slide had.
class window_of_texts {
 public:
  explicit window_of_texts(std::uint32_t slides) : slides_(slides) {}

  joining join;

  /// The next slide has `text`, or not the key.
  void slide(const std::optional<std::string>& text) {
    const std::uint32_t position = now_ % slides_;
    const bool left = all_.size() >= slides_ && all_[all_.size() - slides_].has_value();
    all_.push_back(text);
    entered_ = text.has_value() || left;
    if (entered_) enter(position, text);
    ++now_;
  }
  /// What the window is, by the list.
  std::string expected() const {
    std::string sum;
    const std::size_t from = all_.size() > slides_ ? all_.size() - slides_ : 0;
    for (std::size_t i = from; i < all_.size(); ++i) sum += all_[i].value_or("");
    return sum;
  }
  bool empty() const { return tree_.empty(); }
  std::string result() const {
    alignas(std::string) char memory[sizeof(std::string)];
    tree_.result(fold(), (now_ - 1) % slides_, entered_, memory);
    auto* const made = std::launder(reinterpret_cast<std::string*>(memory));
    std::string text = std::move(*made);
    std::destroy_at(made);
    return text;
  }

 private:
  slide_fold fold() const { return {&row_type_of<std::string>(), &join, joining::combine}; }
  void enter(std::uint32_t position, const std::optional<std::string>& text) {
    const void* const value = text ? &*text : nullptr;
    try {
      tree_.enter(fold(), position, value);
    } catch (const std::runtime_error&) {
      join.fails_at = 0;
      tree_.enter(fold(), position, value);  // the same again makes it whole
    }
  }

  std::uint32_t slides_;
  std::uint32_t now_ = 0;
  bool entered_ = false;
  std::vector<std::optional<std::string>> all_;
  slide_tree tree_;
};

std::optional<std::string> random_text(std::mt19937& chance, unsigned one_in) {
  if (chance() % one_in != 0) return std::nullopt;
  return std::string(1 + chance() % 20, static_cast<char>('a' + chance() % 26));
}

TEST(SlideTree, keeps_the_order_of_slides_whatever_comes_and_goes) {
  for (const std::uint32_t slides : {1U, 2U, 3U, 7U, 8U, 30U, 100U}) {
    for (const unsigned one_in : {1U, 2U, 5U, 40U}) {
      std::mt19937 chance(slides * 100 + one_in);
      window_of_texts window(slides);
      for (std::uint32_t i = 0; i < 4 * slides + 20; ++i) {
        window.slide(random_text(chance, one_in));
        ASSERT_EQ(window.empty(), window.expected().empty()) << slides << " " << one_in << " " << i;
        if (!window.empty()) {
          ASSERT_EQ(window.result(), window.expected());
        }
      }
    }
  }
}

TEST(SlideTree, a_slide_costs_a_combination_for_each_level) {
  for (const std::uint32_t slides : {2U, 8U, 30U, 300U, 1024U}) {
    window_of_texts window(slides);
    for (std::uint32_t i = 0; i < 2 * slides; ++i) window.slide("a");
    const int levels = std::bit_width(slides - 1);
    for (std::uint32_t i = 0; i < slides; ++i) {
      window.join.calls = 0;
      window.slide("b");
      ASSERT_EQ(window.result(), window.expected());
      // On the way up, and down again for the older ones.
      ASSERT_LE(window.join.calls, 2 * levels) << slides << " at " << i;
    }
  }
}

TEST(SlideTree, a_combination_that_fails_is_made_up_for) {
  std::mt19937 chance(7);
  window_of_texts window(13);
  for (int i = 0; i < 400; ++i) {
    window.join.calls = 0;
    window.join.fails_at = static_cast<int>(chance() % 4);
    window.slide(random_text(chance, 2));
    window.join.fails_at = 0;
    if (!window.empty()) {
      ASSERT_EQ(window.result(), window.expected()) << i;
    }
  }
}

}  // namespace
}  // namespace millrace::detail
