// What streams keep, written after a batch and read back: batches go on as if nothing had happened.
#include <gtest/gtest.h>

#include <functional>

#include "kept_state_rig.hpp"
#include "millrace/error.hpp"

namespace millrace::testing {
namespace {

using namespace std::chrono_literals;
using texts = std::vector<std::vector<std::string>>;

/// Builds a graph and says afterwards what its outputs saw, an entry a batch.
using see = std::function<std::vector<texts>(bool sorted)>;

template <class... T>
see seen_by(collected<T>... all) {
  return [=](bool sorted) { return std::vector<texts>{in_text(all, sorted)...}; };
}

/// Batches of random pairs of few keys, so that these come, go and come back.
template <class K, class V>
std::vector<std::vector<std::pair<K, V>>> random_batches(std::mt19937& chance, int n, K (*key)(int),
                                                         V (*value)(int)) {
  std::vector<std::vector<std::pair<K, V>>> all(static_cast<std::size_t>(n));
  for (auto& batch : all) {
    if (chance() % 4 == 0) continue;
    for (auto rows = chance() % 30; rows != 0; --rows)
      batch.emplace_back(key(static_cast<int>(chance() % 40)),
                         value(static_cast<int>(chance() % 100)));
  }
  return all;
}

/// Runs the batches in one go, with checkpoints after some of them, and then anew from each
/// checkpoint: what is seen from then on must be the same, rows, order and bits.
template <class K, class V, class Build>
void goes_on_from_any_checkpoint(unsigned seed, K (*key)(int), V (*value)(int), Build build) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 chance(seed);
  constexpr int n = 24;
  const auto batches = random_batches<K, V>(chance, n, key, value);
  std::vector<checkpoint_files> checkpoints;
  std::vector<texts> expected;
  std::vector<texts> expected_sorted;
  {
    kept_run run;
    auto in = run.s.input<std::pair<K, V>>();
    const see outputs = build(run.s, in, 2);
    run.start();
    run.s.feed(in, batches);
    for (int batch = 1; batch <= n; ++batch) {
      run.step();
      if (chance() % 3 == 0) checkpoints.push_back(run.checkpoint(chance() % 8 == 0));
    }
    expected = outputs(false);
    expected_sorted = outputs(true);
  }
  for (const checkpoint_files& from : checkpoints) {
    SCOPED_TRACE("from batch " + std::to_string(from.batch));
    const int partitions = chance() % 3 == 0 ? 5 : 2;
    kept_run run;
    auto in = run.s.input<std::pair<K, V>>();
    const see outputs = build(run.s, in, partitions);
    run.start(&from);
    run.s.feed(in, {batches.begin() + from.batch, batches.end()});
    checkpoint_files again;
    int again_after = 0;
    for (int batch = from.batch + 1; batch <= n; ++batch) {
      run.step();
      if (again_after == 0 && chance() % 3 == 0) {
        again = run.checkpoint();
        again_after = batch;
      }
    }
    const auto compare = [&](const std::vector<texts>& got, int after, bool sorted) {
      const auto& all = sorted ? expected_sorted : expected;
      for (std::size_t i = 0; i < all.size(); ++i) {
        ASSERT_GE(all[i].size(), got[i].size());
        ASSERT_GT(got[i].size() + (after == n ? 1 : 0), 0U);
        for (std::size_t batch = all[i].size() - got[i].size(), j = 0; j < got[i].size(); ++j)
          ASSERT_EQ(got[i][j], all[i][batch + j]) << "output " << i << ", " << j << " after that";
      }
    };
    compare(outputs(partitions != 2), from.batch, partitions != 2);
    if (again_after == 0) continue;
    run.s.streaming().stop();
    kept_run third;
    auto third_in = third.s.input<std::pair<K, V>>();
    const see third_outputs = build(third.s, third_in, partitions);
    third.start(&again);
    third.s.feed(third_in, {batches.begin() + again_after, batches.end()});
    for (int batch = again_after + 1; batch <= n; ++batch) third.step();
    compare(third_outputs(partitions != 2), again_after, partitions != 2);
  }
}

int as_int(int n) { return n; }
double as_double(int n) { return 1.0 / (n + 1); }
std::string as_text(int n) {
  return n % 3 == 0 ? "a key that is too long to lie inline " + std::to_string(n)
                    : std::to_string(n);
}
std::string_view as_view(int n) {
  static const auto all = [] {
    std::vector<std::string> made;
    for (int i = 0; i < 100; ++i) made.push_back(as_text(i));
    return made;
  }();
  return all[static_cast<std::size_t>(n)];
}
std::pair<std::string_view, int> as_view_and_int(int n) { return {as_view(n / 2), n % 2}; }
std::vector<std::string> as_list(int n) {
  return std::vector<std::string>(static_cast<std::size_t>(n % 4), as_text(n));
}
std::optional<std::string> as_optional(int n) {
  return n % 5 == 0 ? std::nullopt : std::optional(as_text(n));
}
struct place {
  std::int16_t x;
  std::string name;
  bool operator==(const place&) const = default;
};
place as_place(int n) { return {static_cast<std::int16_t>(n), as_text(n)}; }

/// Counts and remembers; goes at multiples of 7, and times out.
template <class K, class V>
see mapped(stream_fixture& s, const dstream<std::pair<K, V>>& in, int partitions) {
  auto stream = in.template map_with_state<std::pair<int, std::vector<V>>>(
      [](const K& key, const V* value,
         state<std::pair<int, std::vector<V>>>& kept) -> std::optional<std::string> {
        std::string text;
        detail::print_row(detail::row_type_of<K>(), &key, text);
        if (value == nullptr) return "end of " + text + " " + std::to_string(kept.get().first);
        if (kept.exists() && kept.get().first % 5 == 3) return std::nullopt;  // seen, not changed
        auto now = kept.get_or({});
        now.second.push_back(*value);
        if (++now.first % 7 == 0) kept.remove();
        else kept.update(std::move(now));
        return text;
      },
      {.timeout = 3s, .partitions = partitions});
  return seen_by(s.collect(stream), s.collect(stream.snapshots()));
}

/// Lists of new values; what is idle for long, or too long, goes.
template <idle Idle, class K, class V>
see updated(stream_fixture& s, const dstream<std::pair<K, V>>& in, int partitions) {
  using kept = std::pair<int, std::vector<V>>;
  return seen_by(s.collect(in.template update_state_by_key<kept>(
      [](std::span<const V> values, std::optional<kept> before) -> std::optional<kept> {
        kept now = before.value_or(kept{});
        now.second.insert(now.second.end(), values.begin(), values.end());
        if (!values.empty()) now.first = 0;
        if (++now.first == 4 || now.second.size() > 9) return std::nullopt;
        return now;
      },
      {.partitions = partitions, .idle = Idle})));
}

TEST(KeptState, map_with_state_goes_on_with_all_kinds_of_keys) {
  for (unsigned seed = 1; seed <= 3; ++seed) {
    goes_on_from_any_checkpoint(seed, as_int, as_text, mapped<int, std::string>);
    goes_on_from_any_checkpoint(seed, as_text, as_int, mapped<std::string, int>);
    goes_on_from_any_checkpoint(seed, as_view, as_place, mapped<std::string_view, place>);
    goes_on_from_any_checkpoint(seed, as_view_and_int, as_double,
                                mapped<std::pair<std::string_view, int>, double>);
    goes_on_from_any_checkpoint(seed, as_optional, as_list,
                                mapped<std::optional<std::string>, std::vector<std::string>>);
  }
}

TEST(KeptState, update_state_by_key_goes_on_with_all_kinds_of_keys) {
  for (unsigned seed = 1; seed <= 3; ++seed) {
    goes_on_from_any_checkpoint(seed, as_int, as_text, updated<idle::call, int, std::string>);
    goes_on_from_any_checkpoint(seed, as_text, as_int, updated<idle::skip, std::string, int>);
    goes_on_from_any_checkpoint(seed, as_view, as_place,
                                updated<idle::call, std::string_view, place>);
    goes_on_from_any_checkpoint(seed, as_list, as_double,
                                updated<idle::skip, std::vector<std::string>, double>);
  }
}

/// Sums of numbers whose order shows in the last bits, without those that are small.
template <int Length, int Slide, class K>
see summed(stream_fixture& s, const dstream<std::pair<K, double>>& in, int partitions) {
  const window w{.length = std::chrono::seconds(Length), .slide = std::chrono::seconds(Slide)};
  const auto minus = [](double a, double b) { return a - b; };
  const auto large = [](const std::pair<K, double>& row) { return row.second > 1e-3; };
  return seen_by(
      s.collect(in.reduce_by_key_and_window(std::plus<>{}, minus, w, large, partitions)));
}

/// Text that shows the order of rows.
template <int Length, int Slide, class K>
see in_order(stream_fixture& s, const dstream<std::pair<K, std::string>>& in, int partitions) {
  const window w{.length = std::chrono::seconds(Length), .slide = std::chrono::seconds(Slide)};
  return seen_by(s.collect(in.reduce_by_key_and_window(std::plus<>{}, w, partitions)));
}
/// The same of sums whose bits show in which order they were made.
template <int Length, int Slide, class K>
see in_tree(stream_fixture& s, const dstream<std::pair<K, double>>& in, int partitions) {
  const window w{.length = std::chrono::seconds(Length), .slide = std::chrono::seconds(Slide)};
  return seen_by(s.collect(in.reduce_by_key_and_window(std::plus<>{}, w, partitions)));
}

TEST(KeptState, windows_by_inverse_go_on) {
  for (unsigned seed = 1; seed <= 3; ++seed) {
    goes_on_from_any_checkpoint(seed, as_int, as_double, summed<5, 1, int>);
    goes_on_from_any_checkpoint(seed, as_view, as_double, summed<4, 2, std::string_view>);
    goes_on_from_any_checkpoint(seed, as_list, as_double, summed<6, 3, std::vector<std::string>>);
  }
}

TEST(KeptState, windows_by_tree_go_on) {
  for (unsigned seed = 1; seed <= 3; ++seed) {
    goes_on_from_any_checkpoint(seed, as_int, as_text, in_order<7, 1, int>);
    goes_on_from_any_checkpoint(seed, as_view, as_double, in_tree<8, 1, std::string_view>);
    goes_on_from_any_checkpoint(seed, as_text, as_text, in_order<6, 2, std::string>);
    goes_on_from_any_checkpoint(seed, as_place, as_double, in_tree<5, 2, place>);
  }
}

/// Windows of rows as they are, of rows by key, of windows, and of state.
template <class K, class V>
see windowed(stream_fixture& s, const dstream<std::pair<K, V>>& in, int) {
  const auto last = [](const V&, const V& b) { return b; };
  const auto kept = in.template update_state_by_key<V>(
      [](std::span<const V> values, std::optional<V> before) -> std::optional<V> {
        return values.empty() ? before : std::optional(values.back());
      },
      {.partitions = 3});
  return seen_by(s.collect(in.window({.length = 3s}).named("three")),
                 s.collect(in.reduce_by_key(last).window({.length = 4s, .slide = 2s}).named("two")),
                 s.collect(in.window({.length = 2s}).window({.length = 3s}).named("of windows")),
                 s.collect(kept.window({.length = 2s}).named("of state")),
                 s.collect(in.window({.length = 1s, .slide = 3s})));
}

TEST(KeptState, windows_of_rows_go_on) {
  for (unsigned seed = 1; seed <= 3; ++seed) {
    goes_on_from_any_checkpoint(seed, as_view, as_int, windowed<std::string_view, int>);
    goes_on_from_any_checkpoint(seed, as_list, as_place, windowed<std::vector<std::string>, place>);
  }
}

/// One stream with state and a few keys; what it has to do with is in `files`.
template <class V>
checkpoint_files small_state(int batches, std::vector<std::string>* state = nullptr) {
  kept_run run(1);
  auto in = run.s.input<std::pair<std::string, V>>();
  auto seen = run.s.collect(in.template update_state_by_key<V>(
      [](std::span<const V> values, std::optional<V>) { return std::optional<V>(values.back()); },
      {.idle = idle::skip}));
  run.start();
  run.s.feed(in, {{{"a", V{}}, {"b", V{}}}, {{"a key that is too long to lie inline", V{}}}});
  checkpoint_files files;
  for (int batch = 0; batch < batches; ++batch) {
    run.step();
    files = run.checkpoint();
  }
  if (state != nullptr) *state = in_text(seen).back();
  return files;
}

/// The state after a restart from the files, one batch later.
template <class V>
std::vector<std::string> begun_again(const checkpoint_files& from) {
  kept_run run(1);
  auto in = run.s.input<std::pair<std::string, V>>();
  auto seen = run.s.collect(in.template update_state_by_key<V>(
      [](std::span<const V> values, std::optional<V>) { return std::optional<V>(values.back()); },
      {.idle = idle::skip}));
  run.start(&from);
  run.step();
  return in_text(seen).back();
}

TEST(KeptState, a_broken_file_is_refused_and_never_other_state) {
  std::vector<std::string> state;
  const checkpoint_files whole = small_state<int>(2, &state);
  ASSERT_EQ(whole.kept.at(0).partitions.at(0).size(), 2U);
  EXPECT_EQ(begun_again<int>(whole), state);
  for (std::size_t f = 0; f < 2; ++f) {
    const std::string& good = whole.kept[0].partitions[0][f].bytes;
    checkpoint_files damaged = whole;
    std::string& bytes = damaged.kept[0].partitions[0][f].bytes;
    for (std::size_t i = 0; i < good.size(); ++i) {
      bytes = good;
      bytes[i] = static_cast<char>(bytes[i] ^ 0x10);
      EXPECT_THROW(begun_again<int>(damaged), error) << f << " at " << i;
      bytes = good.substr(0, i);
      EXPECT_THROW(begun_again<int>(damaged), error) << f << " cut at " << i;
    }
  }
}

TEST(KeptState, files_that_do_not_belong_together_are_refused) {
  checkpoint_files files = small_state<int>(2);
  auto& pieces = files.kept[0].partitions[0];
  const auto both = pieces;
  pieces = {both[1]};
  EXPECT_THROW(begun_again<int>(files), error);
  pieces = {both[0], both[0]};
  EXPECT_THROW(begun_again<int>(files), error);
  pieces = {both[0], both[1], both[1]};
  EXPECT_THROW(begun_again<int>(files), error);
}

TEST(KeptState, another_type_of_state_is_refused) {
  const checkpoint_files files = small_state<int>(1);
  kept_run run(1);
  auto in = run.s.input<std::pair<std::string, double>>();
  auto seen = run.s.collect(in.update_state_by_key<double>(
      [](std::span<const double>, std::optional<double> before) { return before; }));
  run.start();
  try {
    (void)run.kept().at(0)->restore(files.kept[0].identity, run.s.now());
    FAIL() << "restored";
  } catch (const usage_error& e) {
    EXPECT_STREQ(e.what(),
                 "the state was written by update_state_by_key of (text, int32) and cannot be "
                 "brought back as update_state_by_key of (text, float64)");
  }
}

TEST(KeptState, two_that_cannot_be_told_apart_need_names) {
  const auto build = [](kept_run& run, bool named) {
    auto in = run.s.input<std::pair<int, int>>();
    const auto last = [](std::span<const int>, std::optional<int> before) { return before; };
    auto one = in.update_state_by_key<int>(last);
    auto other = in.update_state_by_key<int>(last);
    if (named) other = other.named("other");
    run.s.collect(one);
    run.s.collect(other);
  };
  {
    kept_run run;
    build(run, false);
    EXPECT_THROW(run.start(), usage_error);
  }
  kept_run run;
  build(run, true);
  run.start();
  EXPECT_EQ(run.kept().size(), 2U);
}

TEST(KeptState, what_is_written_is_what_changed) {
  kept_run run(1);
  auto in = run.s.input<std::pair<int, int>>();
  auto counts = in.update_state_by_key<int>(
      [](std::span<const int> values, std::optional<int> before) -> std::optional<int> {
        return before.value_or(0) + static_cast<int>(values.size());
      },
      {.idle = idle::skip});
  run.s.collect(counts);
  run.start();
  std::vector<std::pair<int, int>> many;
  for (int i = 0; i < 20000; ++i) many.emplace_back(i, 1);
  run.s.feed(in, {many, {{7, 1}, {20000, 1}}, {}, {{7, 1}}});
  run.step();
  EXPECT_EQ(run.checkpoint().kept[0].partitions[0].back().piece.records, 40000U);
  run.step();
  const auto& files = run.checkpoint().kept[0].partitions[0];
  ASSERT_EQ(files.size(), 2U);
  EXPECT_EQ(files[1].piece.records, 3U);  // a key and two values
  EXPECT_LT(files[1].bytes.size(), 500U);
  run.step();
  EXPECT_EQ(run.checkpoint().kept[0].partitions[0].size(), 2U);
  run.step();
  EXPECT_EQ(run.checkpoint().kept[0].partitions[0].size(), 3U);
}

}  // namespace
}  // namespace millrace::testing
