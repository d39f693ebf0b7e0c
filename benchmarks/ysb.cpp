// ysb, the Yahoo streaming benchmark: parse JSON events, keep the views, find each ad's campaign
// in a table, count views a campaign and window of 10 s.

#include <simdjson.h>
#include <millrace/millrace.hpp>

#include <boost/unordered/unordered_flat_map.hpp>
#include <charconv>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hand/hand.hpp"
#include "measure.hpp"

namespace mr = millrace;

namespace {

struct event {
  std::string_view ad;
  std::string_view type;
  std::string_view time;  // milliseconds since the epoch, in digits
};

struct campaign_window {
  std::int32_t campaign;
  std::int64_t window;

  friend auto operator<=>(const campaign_window&, const campaign_window&) = default;
};

using campaign_table =
    boost::unordered_flat_map<std::string_view, std::int32_t, std::hash<std::string_view>>;
using view_counts = std::map<campaign_window, std::int64_t>;

/// simdjson reads up to 64 bytes past a line. That is safe where they lie on the same page; at
/// the end of one, the line is parsed in a copy.
bool ends_near_page_end(std::string_view line) {
  constexpr std::uintptr_t page = 4096;
  const auto end = reinterpret_cast<std::uintptr_t>(line.data() + line.size());
  return end % page + simdjson::SIMDJSON_PADDING > page;
}

event parse(std::string_view line) {
  static thread_local simdjson::ondemand::parser parser;
  static thread_local std::vector<char> copy;
  const char* text = line.data();
  if (ends_near_page_end(line)) {
    copy.resize(line.size() + simdjson::SIMDJSON_PADDING);
    std::memcpy(copy.data(), line.data(), line.size());
    text = copy.data();
  }
  simdjson::ondemand::document document =
      parser.iterate(text, line.size(), line.size() + simdjson::SIMDJSON_PADDING);
  simdjson::ondemand::object object = document.get_object();
  // A view of the line itself: simdjson's own texts last only until it parses the next line.
  const auto field = [&](std::string_view name) {
    const std::string_view token = object[name].raw_json_token();  // "text" and what follows
    const auto start = static_cast<std::size_t>(token.data() + 1 - text);
    return line.substr(start, line.find('"', start) - start);
  };
  // In braces they are read in this order, which is the order in the text.
  return event{field("ad_id"), field("event_type"), field("event_time")};
}

std::int64_t number(std::string_view digits) {
  std::int64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

campaign_table read_campaigns(std::string_view ads) {
  campaign_table campaigns;
  while (!ads.empty()) {
    const std::size_t comma = ads.find(',');
    const std::size_t end = ads.find('\n');
    const std::string_view campaign = ads.substr(comma + 1, end - comma - 1);
    campaigns[ads.substr(0, comma)] = static_cast<std::int32_t>(number(campaign));
    ads.remove_prefix(end + 1);
  }
  return campaigns;
}

auto count_views(mr::context& sc, const std::string& file, int partitions,
                 const campaign_table& campaigns) {
  using row = std::pair<campaign_window, int>;
  return sc.text_file(file, partitions)
      .map([](std::string_view line) { return parse(line); })
      .filter([](const event& e) { return e.type == "view"; })
      .flat_map([&campaigns](const event& e, mr::emit<row>& out) {
        const auto found = campaigns.find(e.ad);
        if (found == campaigns.end()) return;
        out(row{{found->second, number(e.time) / 10'000}, 1});
      })
      .reduce_by_key(std::plus<>{}, partitions)
      .collect();
}

template <bool Pinned>
view_counts counted_by_hand(hand::view_counter<Pinned>& counter, const bench::pieces& data) {
  counter.start();
  for (std::size_t i = 0; i < data.size(); ++i) counter.count(data.view(i));
  view_counts counts;
  for (const auto& row : counter.result()) {
    counts[{static_cast<std::int32_t>(row.campaign), row.window}] = row.views;
  }
  return counts;
}

void compare(const bench::pieces& data, const bench::text& ads, int threads) {
  mr::context sc{{.name = "ysb", .master = "local[" + std::to_string(threads) + "]"}};
  const campaign_table campaigns = read_campaigns(ads.view());
  hand::view_counter<true> by_hand(ads.view(), threads);
  hand::view_counter<false> unpinned(ads.view(), threads);
  const view_counts expected = counted_by_hand(by_hand, data);

  double events = 0;
  for (std::size_t i = 0; i < data.size(); ++i) {
    events += static_cast<double>(hand::lines_in(data.view(i)));
  }
  const auto millions_a_second = [&](const auto& count_all) {
    const bench::stopwatch time;
    const view_counts counts = count_all();
    const double seconds = time.seconds();
    bench::agree("numbers of groups", static_cast<std::int64_t>(counts.size()),
                 static_cast<std::int64_t>(expected.size()));
    for (const auto& [key, views] : expected) {
      const auto found = counts.find(key);
      bench::agree("views", found != counts.end() ? found->second : 0, views);
    }
    return std::vector<double>{events / seconds / 1e6};
  };

  const std::string plain_name = bench::on_threads("handwritten C++ plain", threads);
  const std::string unpinned_name = bench::on_threads("handwritten C++ plain, unpinned", threads);
  bench::contest contest("ysb", {{"throughput", "M events/s"}});
  contest.add(plain_name,
              [&] { return millions_a_second([&] { return counted_by_hand(by_hand, data); }); });
  contest.add(unpinned_name,
              [&] { return millions_a_second([&] { return counted_by_hand(unpinned, data); }); });
  contest.add(
      bench::on_threads("millrace", threads),
      [&] {
        return millions_a_second([&] {
          view_counts counts;
          for (std::size_t i = 0; i < data.size(); ++i) {
            for (const auto& [key, views] : count_views(sc, data.path(i), threads, campaigns)) {
              counts[key] += views;
            }
          }
          return counts;
        });
      },
      {plain_name, unpinned_name});
  contest.run();
}

}  // namespace

int main() {
  return bench::run_program([] {
    const bench::pieces data("ysb");
    const bench::text ads(bench::data_directory() / "ysb" / "ads.csv");
    compare(data, ads, 2);
    compare(data, ads, 1);
  });
}
