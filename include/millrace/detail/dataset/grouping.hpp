// The typed ends of group_by_key, cogroup and the joins: groups of values into rows.
#pragma once

#include <cstdint>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "millrace/detail/dataset/kernel.hpp"
#include "millrace/detail/dataset/operations.hpp"

namespace millrace::detail {

/// The values of group `g` on side `s`.
template <class V>
struct values_of {
  const V* first;
  const V* last;
  values_of(const groups& in, std::size_t s, std::uint32_t g)
      : first(reinterpret_cast<const V*>(in.values[s]) + in.starts[s][g]),
        last(reinterpret_cast<const V*>(in.values[s]) + in.starts[s][g + 1]) {}
  bool empty() const { return first == last; }
  const V* begin() const { return first; }
  const V* end() const { return last; }
};

/// Calls `each(g, out)` for all groups; `each` puts rows and answers `flow`.
template <class Row, class Each>
flow for_each_group(step_state& step, const groups& in, Each each) {
  output<Row> out(step, {nullptr, 0, false});
  for (std::uint32_t g = 0; g < in.count; ++g)
    if (each(g, out) == flow::enough) return flow::enough;
  return out.flush();
}

template <class Row, class... A>
flow put_row(output<Row>& out, A&&... a) {
  out.put(std::forward<A>(a)...);
  return out.full() ? out.flush() : flow::more;
}

template <class K, class V>
flow group_values(step_state& step, const groups& in) {
  using row = std::pair<K, std::vector<V>>;
  const K* keys = static_cast<const K*>(in.keys);
  return for_each_group<row>(step, in, [&](std::uint32_t g, output<row>& out) {
    const values_of<V> values(in, 0, g);
    return put_row(out, keys[g], std::vector<V>(values.first, values.last));
  });
}

template <class K, class... V>
flow cogroup_values(step_state& step, const groups& in) {
  using row = std::pair<K, std::tuple<std::vector<V>...>>;
  const K* keys = static_cast<const K*>(in.keys);
  return for_each_group<row>(step, in, [&](std::uint32_t g, output<row>& out) {
    return [&]<std::size_t... S>(std::index_sequence<S...>) {
      return put_row(out, keys[g],
                     std::tuple<std::vector<V>...>(std::vector<V>(values_of<V>(in, S, g).first,
                                                                  values_of<V>(in, S, g).last)...));
    }(std::index_sequence_for<V...>{});
  });
}

/// Which side may lack a key: it is std::optional in the result then.
template <class V, bool Optional>
using joined_side = std::conditional_t<Optional, std::optional<V>, V>;

/// Every pair of a left and a right value; a missing side counts as one `nullopt` where it may
/// lack.
template <class K, class V, class W, bool LeftOptional, bool RightOptional>
flow join_values(step_state& step, const groups& in) {
  using left = joined_side<V, LeftOptional>;
  using right = joined_side<W, RightOptional>;
  using row = std::pair<K, std::pair<left, right>>;
  const K* keys = static_cast<const K*>(in.keys);
  return for_each_group<row>(step, in, [&](std::uint32_t g, output<row>& out) {
    const values_of<V> a(in, 0, g);
    const values_of<W> b(in, 1, g);
    if constexpr (RightOptional) {
      if (b.empty()) {
        for (const V& v : a)
          if (put_row(out, keys[g], std::pair<left, right>(v, std::nullopt)) == flow::enough)
            return flow::enough;
        return flow::more;
      }
    }
    if constexpr (LeftOptional) {
      if (a.empty()) {
        for (const W& w : b)
          if (put_row(out, keys[g], std::pair<left, right>(std::nullopt, w)) == flow::enough)
            return flow::enough;
        return flow::more;
      }
    }
    for (const V& v : a)
      for (const W& w : b)
        if (put_row(out, keys[g], std::pair<left, right>(v, w)) == flow::enough)
          return flow::enough;
    return flow::more;
  });
}

/// The left pairs whose key the right side lacks.
template <class K, class V>
flow left_only_values(step_state& step, const groups& in) {
  using row = std::pair<K, V>;
  const K* keys = static_cast<const K*>(in.keys);
  return for_each_group<row>(step, in, [&](std::uint32_t g, output<row>& out) {
    if (in.starts[1][g] != in.starts[1][g + 1]) return flow::more;
    for (const V& v : values_of<V>(in, 0, g))
      if (put_row(out, keys[g], v) == flow::enough) return flow::enough;
    return flow::more;
  });
}

}  // namespace millrace::detail
