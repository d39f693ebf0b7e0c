#include <simdjson.h>

#include <boost/unordered/unordered_flat_map.hpp>
#include <charconv>
#include <cstring>

#include "hand.hpp"
#include "pool.hpp"
#include "tables.hpp"

namespace hand {

// Compiled twice, see CMakeLists.txt.
constexpr bool pinned = HAND_PINNED;

template <>
class view_counter<pinned>::body {
 public:
  body(std::string_view ads, int threads)
      : pool_(threads), parsers_(static_cast<std::size_t>(threads)) {
    while (!ads.empty()) {
      const std::size_t comma = ads.find(',');
      const std::size_t end = ads.find('\n');
      std::uint32_t campaign = 0;
      std::from_chars(ads.data() + comma + 1, ads.data() + end, campaign);
      campaigns_[ads.substr(0, comma)] = campaign;
      ads.remove_prefix(end + 1);
    }
    start();
  }

  void start() { counts_.assign(static_cast<std::size_t>(pool_.threads()), {}); }

  void count(std::string_view batch) {
    const auto parts = cut_lines(batch, pool_.threads());
    const char* const readable_end = batch.data() + batch.size() + simdjson::SIMDJSON_PADDING;
    pool_.run([&](int worker) {
      const auto i = static_cast<std::size_t>(worker);
      count_lines(parts[i], readable_end, parsers_[i], counts_[i]);
    });
  }

  std::vector<campaign_count> result() {
    count_map& all = counts_[0];
    for (std::size_t i = 1; i < counts_.size(); ++i) {
      for (const auto& [key, views] : counts_[i]) all[key] += views;
    }
    std::vector<campaign_count> rows;
    for (const auto& [key, views] : all) {
      rows.push_back({static_cast<std::int64_t>(key >> window_bits),
                      static_cast<std::int64_t>(key & ((1ULL << window_bits) - 1)),
                      static_cast<std::int64_t>(views)});
    }
    return rows;
  }

 private:
  using count_map = boost::unordered_flat_map<std::uint64_t, std::uint64_t>;
  static constexpr int window_bits = 40;  // a key is campaign and window in one number

  void count_lines(std::string_view text, const char* readable_end,
                   simdjson::ondemand::parser& parser, count_map& counts) const {
    const char* at = text.data();
    const char* const end = at + text.size();
    while (at < end) {
      const auto* stop =
          static_cast<const char*>(std::memchr(at, '\n', static_cast<std::size_t>(end - at)));
      if (stop == nullptr) stop = end;
      auto document = parser.iterate(at, static_cast<std::size_t>(stop - at),
                                     static_cast<std::size_t>(readable_end - at));
      auto event = document.get_object();
      const std::string_view ad = event["ad_id"];
      const std::string_view type = event["event_type"];
      at = stop + 1;
      if (type != "view") continue;
      const std::string_view time = event["event_time"];
      std::uint64_t milliseconds = 0;
      for (const char digit : time) {
        milliseconds = milliseconds * 10 + static_cast<std::uint64_t>(digit - '0');
      }
      const auto found = campaigns_.find(ad);
      if (found == campaigns_.end()) continue;
      const std::uint64_t campaign = found->second;
      ++counts[campaign << window_bits | milliseconds / 10'000];
    }
  }

  pool pool_;
  std::vector<simdjson::ondemand::parser> parsers_;
  text_map<std::uint32_t> campaigns_;
  std::vector<count_map> counts_;
};

template <>
view_counter<pinned>::view_counter(std::string_view ads, int threads)
    : body_(std::make_unique<body>(ads, threads)) {}
template <>
view_counter<pinned>::~view_counter() = default;
template <>
void view_counter<pinned>::start() {
  body_->start();
}
template <>
void view_counter<pinned>::count(std::string_view batch) {
  body_->count(batch);
}
template <>
std::vector<campaign_count> view_counter<pinned>::result() {
  return body_->result();
}

}  // namespace hand
