// Memory that runs out while a batch changes state: the task is tried again, and the batch counts
// once.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <string>

#include "millrace/error.hpp"
#include "millrace/testing.hpp"

namespace {

/// The allocation that fails, counted from where a test says so; 0: none does.
thread_local int failing = 0;
thread_local bool failed = false;

void* allocated(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void count() {
  if (failing == 0 || --failing != 0) return;
  failed = true;
  throw std::bad_alloc();
}

}  // namespace

// Never inlined: GCC would take the call of free for a mistake.
[[gnu::noinline]] void* operator new(std::size_t size) {
  count();
  return allocated(std::malloc(size == 0 ? 1 : size));
}
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t align) {
  count();
  const auto a = static_cast<std::size_t>(align);
  return allocated(std::aligned_alloc(a, (size + a - 1) / a * a));
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return std::malloc(size == 0 ? 1 : size);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

namespace millrace::testing {
namespace {

using namespace std::chrono_literals;
using pairs = std::vector<std::pair<std::string, int>>;

/// The program's function says so once in a run, where it was called with this value: what comes
/// after finds no memory.
constexpr int last_row = 1000;
thread_local bool said = false;
void run_out(int value, int at) {
  if (value == last_row && !std::exchange(said, true)) failing = at;
}

/// Runs five batches, the `at`-th allocation of the third failing. Empty: the stream stopped.
template <class Build>
std::vector<std::vector<std::string>> run(Build build, int at) {
  stream_fixture s({.master = "local[1,3]", .batch = 1s, .conf = {{"default.parallelism", "1"}}});
  auto in = s.input<std::pair<std::string, int>>();
  auto seen = s.collect(build(in, at));
  pairs many;
  for (int i = 0; i < 40; ++i)
    many.emplace_back("a key of some length, number " + std::to_string(i), 1);
  pairs third = many;
  third.emplace_back("another", 3);
  third.emplace_back("the last of this batch", last_row);
  s.feed(in, {many, {{"b", 1}}, third, many, {{"b", 2}}});
  failed = said = false;
  try {
    s.run();
  } catch (const std::exception&) {  // there was no memory to run the batch at all
    failing = 0;
    return {};
  }
  failing = 0;
  std::vector<std::vector<std::string>> texts;
  using row = typename decltype(seen.batches())::value_type::value_type;
  for (const auto& batch : seen.batches()) {
    auto& to = texts.emplace_back();
    for (const auto& one : batch)
      detail::print_row(detail::row_type_of<row>(), &one, to.emplace_back());
  }
  return texts;
}

template <class Build>
void counts_each_batch_once(Build build) {
  const auto expected = run(build, 0);
  ASSERT_EQ(expected.size(), 5U);
  int survived = 0;
  for (int at = 1; at < 300; ++at) {
    const auto got = run(build, at);
    if (!got.empty()) {
      EXPECT_EQ(got, expected) << "allocation " << at;
    }
    if (!failed) break;
    survived += got.empty() ? 0 : 1;
  }
  EXPECT_GT(survived, 5);
}

TEST(StateWithoutMemory, map_with_state_counts_each_batch_once) {
  counts_each_batch_once([](const auto& in, int at) {
    return in
        .template map_with_state<std::string>(
            [at](const std::string&, const int* value, state<std::string>& kept) {
              if (value != nullptr) {
                kept.update(kept.get_or("") + " and " + std::to_string(*value));
                run_out(*value, at);
              }
              return std::pair(1, 1);
            },
            {.timeout = 1s})
        .snapshots();
  });
}

TEST(StateWithoutMemory, update_state_by_key_counts_each_batch_once) {
  counts_each_batch_once([](const auto& in, int at) {
    return in.template update_state_by_key<std::string>(
        [at](std::span<const int> values, std::optional<std::string> before) {
          std::string now = before.value_or("");
          for (const int value : values) {
            now += " and " + std::to_string(value);
            run_out(value, at);
          }
          return std::optional(now);
        });
  });
}

TEST(StateWithoutMemory, windows_count_each_batch_once) {
  const auto plus = [](int at) {
    return [at](const std::string& a, const std::string& b) {
      run_out(last_row, at);
      return a + b;
    };
  };
  counts_each_batch_once([&](const auto& in, int at) {
    return in.map_values([](int n) { return std::to_string(n) + " of some length"; })
        .reduce_by_key_and_window(plus(at), {.length = 3s});
  });
  counts_each_batch_once([&](const auto& in, int at) {
    return in.reduce_by_key_and_window(
        [at](int a, int b) {
          run_out(last_row, at);
          return a + b;
        },
        [](int a, int b) { return a - b; }, {.length = 3s});
  });
}

}  // namespace
}  // namespace millrace::testing
