// The typed ends of group_by_key, cogroup, the joins and subtract_by_key.
#pragma once

#include <cstdint>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "millrace/detail/dataset/kernel.hpp"
#include "millrace/detail/dataset/operations.hpp"

namespace millrace::detail {

template <class Row, class... A>
flow put_row(output<Row>& out, A&&... a) {
  out.put(std::forward<A>(a)...);
  return out.full() ? out.flush() : flow::more;
}

/// The values of group `g` on side `s`, whose rows are pairs (K, V).
template <class K, class V>
std::vector<V> values_of(const groups& in, std::size_t s, std::uint32_t g) {
  const std::uint32_t* starts = in.starts[s] + g;
  std::vector<V> values;
  values.reserve(starts[1] - starts[0]);
  for (std::uint32_t i = starts[0]; i < starts[1]; ++i)
    values.push_back(kept_row<std::pair<K, V>>(in.rows[s], i).second);
  return values;
}

template <class K, class V>
flow group_values(step_state& step, const groups& in) {
  output<std::pair<K, std::vector<V>>> out(step, {nullptr, 0, false});
  const K* keys = static_cast<const K*>(in.keys);
  for (std::uint32_t g = 0; g < in.count; ++g)
    if (put_row(out, keys[g], values_of<K, V>(in, 0, g)) == flow::enough) return flow::enough;
  return out.flush();
}

template <class K, class... V>
flow cogroup_values(step_state& step, const groups& in) {
  using all_values = std::tuple<std::vector<V>...>;
  output<std::pair<K, all_values>> out(step, {nullptr, 0, false});
  const K* keys = static_cast<const K*>(in.keys);
  for (std::uint32_t g = 0; g < in.count; ++g) {
    const flow answer = [&]<std::size_t... S>(std::index_sequence<S...>) {
      return put_row(out, keys[g], all_values(values_of<K, V>(in, S, g)...));
    }(std::index_sequence_for<V...>{});
    if (answer == flow::enough) return flow::enough;
  }
  return out.flush();
}

/// Which side may lack a key: it is std::optional in the result then.
template <class V, bool Optional>
using joined_side = std::conditional_t<Optional, std::optional<V>, V>;
template <class K, class V, class W, bool LeftOptional, bool RightOptional>
using joined_row =
    std::pair<K, std::pair<joined_side<V, LeftOptional>, joined_side<W, RightOptional>>>;

/// Every pair of rows with the same key, as values; where the other side may lack, a row that
/// matches none has `nullopt` beside it.
template <class Row, class Mine, class Other, bool Left, bool OtherOptional>
flow join_rows(step_state& step, const matches& in) {
  output<Row> out(step, {nullptr, 0, false});
  for (std::uint32_t i = 0; i < in.count; ++i) {
    const Mine& mine = *static_cast<const Mine*>(in.rows[i]);
    const auto put = [&](const auto& other) {
      if constexpr (Left)
        return put_row(out, mine.first, typename Row::second_type(mine.second, other));
      else return put_row(out, mine.first, typename Row::second_type(other, mine.second));
    };
    if constexpr (OtherOptional)
      if (in.first[i] == in.last[i] && put(std::nullopt) == flow::enough) return flow::enough;
    for (std::uint32_t other = in.first[i]; other != in.last[i]; ++other)
      if (put(kept_row<Other>(in.others, other).second) == flow::enough) return flow::enough;
  }
  return out.flush();
}

template <class K, class V, class W, bool LeftOptional, bool RightOptional>
flow join_values(step_state& step, const matches& in) {
  using row = joined_row<K, V, W, LeftOptional, RightOptional>;
  using left = std::pair<K, V>;
  using right = std::pair<K, W>;
  return in.left ? join_rows<row, left, right, true, RightOptional>(step, in)
                 : join_rows<row, right, left, false, LeftOptional>(step, in);
}

/// The left pairs whose key the right side lacks.
template <class K, class V>
flow left_only_rows(step_state& step, const matches& in) {
  using row = std::pair<K, V>;
  output<row> out(step, {nullptr, 0, false});
  for (std::uint32_t i = 0; in.left && i < in.count; ++i)
    if (in.first[i] == in.last[i] &&
        put_row(out, *static_cast<const row*>(in.rows[i])) == flow::enough)
      return flow::enough;
  return out.flush();
}

}  // namespace millrace::detail
