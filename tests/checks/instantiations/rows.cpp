// A program that does with one kind of row what most programs do: instantiations.py compiles it a
// row type at a time and counts what the compiler had to make of our templates.
#include <millrace/millrace.hpp>

namespace mr = millrace;

struct click {
  std::int64_t user;
  std::string page;
  double seconds;

  friend bool operator==(const click&, const click&) = default;
  friend auto operator<=>(const click&, const click&) = default;
};

using row = ROW;

mr::rdd<row> source(mr::context& sc);

#ifdef ROW_BY_ROW
void use(mr::context& sc) {
  const auto rows = source(sc);
  const auto kept = rows.map([](const row& r) { return r; })
                        .filter([](const row&) { return true; })
                        .flat_map([](const row& r, mr::emit<row>& out) { out(r); });
  kept.collect();
  kept.count();
}
#endif

#ifdef MORE_MAPS  // how many maps there are beyond the one of ROW_BY_ROW
template <int I>
mr::rdd<row> mapped(const mr::rdd<row>& rows) {
  if constexpr (I == 0) return rows;
  else return mapped<I - 1>(rows).map([](const row& r) { return r; });
}
void use_more(mr::context& sc) { mapped<MORE_MAPS>(source(sc)); }
#endif

#ifdef BY_KEY
void use_keys(mr::context& sc) {
  const auto pairs = source(sc).map([](const row& r) { return std::pair{r, 1}; });
  pairs.reduce_by_key(std::plus<>{}).collect();
  pairs.group_by_key().count();
  pairs.join(pairs).count();
}
#endif

#ifdef MOVED
void use_moved(mr::context& sc) {
  const auto rows = source(sc);
  rows.distinct().union_with(rows).repartition(3).collect();
  rows.sort_by([](const row& r) { return r; }).count();
}
#endif

#ifdef STREAMED
void use_streams(mr::streaming_context& ssc, const mr::rdd_queue<row>& queue) {
  const auto rows = ssc.queue_stream(queue);
  rows.filter([](const row&) { return true; })
      .map([](const row& r) { return std::pair{r, 1}; })
      .reduce_by_key(std::plus<>{})
      .print();
  rows.count().print();
}
#endif
