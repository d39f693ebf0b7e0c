#include "connectors/kafka/topic_offsets.hpp"

#include <algorithm>
#include <regex>

#include "connectors/kafka/offset_ranges.hpp"
#include "millrace/detail/base/log.hpp"
#include "millrace/error.hpp"

namespace millrace::detail::kafka {
namespace {

using namespace std::chrono_literals;

/// How long a loss must be seen before it is believed.
constexpr auto belief = 3s;
/// How often it is looked whether records were deleted before they were read.
constexpr auto beginnings_every = 1s;
/// Until what seems to be missing is looked for again.
constexpr std::chrono::milliseconds soon = 500ms;

std::string name_of(const millrace::kafka::topic_partition& p) {
  return p.topic + "[" + std::to_string(p.partition) + "]";
}

client_settings driver_settings(const millrace::kafka::topics& o) {
  return {o.brokers,
          o.settings,
          {},
          {{"group.id", o.group.empty() ? "millrace" : o.group},
           {"enable.auto.commit", "false"},
           {"enable.auto.offset.store", "false"},
           {"auto.offset.reset", "error"},
           {"enable.partition.eof", "true"}}};
}

}  // namespace

topic_offsets::topic_offsets(millrace::kafka::topics options, reporter to)
    : options_(std::move(options)),
      reporter_(std::move(to)),
      client_(RD_KAFKA_CONSUMER, driver_settings(options_)) {}

std::string topic_offsets::description() const { return "kafka " + options_.brokers; }

void topic_offsets::start() {
  if (!begun_) discover();
}

void topic_offsets::resume(const std::vector<millrace::kafka::offset_range>& last) {
  followed_.clear();
  for (const auto& range : last) followed_[{range.topic, range.partition}].next = range.until;
  begun_ = true;
  discovered_ = {};
}

std::vector<millrace::kafka::offset_range> topic_offsets::next(const batch_limits& limits) {
  answer_within_ = std::max<std::chrono::milliseconds>(limits.interval, 1000ms);
  if (!begun_ || clock::now() - discovered_ >= options_.discovery) discover();
  std::vector<millrace::kafka::offset_range> ranges;
  if (followed_.empty()) return ranges;
  if (clock::now() - checked_ >= beginnings_every) check_beginnings();
  const std::optional<offset_map> ends = ask_all(RD_KAFKA_OFFSET_END);
  ranges.reserve(followed_.size());
  for (auto& [partition, state] : followed_) {
    std::int64_t end = state.next;
    if (ends) {
      if (const auto at = ends->find(partition); at != ends->end()) end = at->second;
    }
    if (end < state.next) {
      if (confirmed(state)) {
        lost(partition, end, state.next,
             "the partition ends before what was read of it: it was cut off, or its topic was made "
             "anew");
        state = {end, {}};
      } else {
        end = state.next;
      }
    } else if (end > state.next) {
      state.suspect.reset();
    }
    ranges.push_back({partition.topic, partition.partition, state.next, end});
  }
  share_out(ranges, limits.max_records);
  for (const auto& range : ranges) followed_[{range.topic, range.partition}].next = range.until;
  return ranges;
}

void topic_offsets::committed(const std::vector<millrace::kafka::offset_range>& range) {
  if (options_.group.empty() || range.empty()) return;
  const partition_list list = make_list();
  for (const auto& one : range) add(list, one.topic, one.partition, one.until);
  const rd_kafka_resp_err_t code = rd_kafka_commit(client_.get(), list.get(), 1);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
    log_warn(description() + ": offsets were not committed to the group \"" + options_.group +
             "\": " + rd_kafka_err2str(code));
}

void topic_offsets::discover() {
  const std::optional<std::set<topic_partition>> there = present();
  if (!there) return;
  bool look_again = missing_topic_;
  for (auto at = followed_.begin(); at != followed_.end();) {
    if (there->contains(at->first)) {
      ++at;
    } else if (!confirmed(at->second)) {
      look_again = true;
      ++at;
    } else {
      lost(at->first, at->second.next, -1, "the topic or its partition is gone");
      at = followed_.erase(at);
    }
  }
  const auto* said = std::get_if<millrace::kafka::offsets>(&options_.start);
  offset_map times;
  offset_map first;
  for (const topic_partition& p : *there) {
    if (followed_.contains(p)) continue;
    if (said != nullptr && said->contains(p)) first[p] = said->at(p);
    else times[p] = begun_ ? RD_KAFKA_OFFSET_BEGINNING : time_of_start();
  }
  if (!times.empty()) {
    const std::optional<offset_map> answer = ask(times);
    if (!answer) return;
    if (answer->size() != times.size()) look_again = true;
    if (!begun_ && answer->size() != times.size()) return;
    first.insert(answer->begin(), answer->end());
  }
  for (const auto& one : first) {
    followed_[one.first].next = one.second;
    if (begun_) log_info(description() + ": a partition was added: " + name_of(one.first));
  }
  begun_ = true;
  discovered_ = clock::now();
  if (look_again) look_again_soon();
}

void topic_offsets::look_again_soon() {
  discovered_ = clock::now() - options_.discovery + std::min(options_.discovery, soon);
}

std::int64_t topic_offsets::time_of_start() const {
  if (std::holds_alternative<millrace::kafka::latest_offsets>(options_.start))
    return RD_KAFKA_OFFSET_END;
  if (const auto* at = std::get_if<millrace::kafka::timestamp>(&options_.start))
    return std::max<std::int64_t>(at->time.time_since_epoch().count(), 0);
  return RD_KAFKA_OFFSET_BEGINNING;
}

std::optional<std::set<topic_offsets::topic_partition>> topic_offsets::present() {
  std::set<topic_partition> all;
  missing_topic_ = false;
  const auto take = [&](const rd_kafka_metadata_topic_t& topic) {
    for (int i = 0; i < topic.partition_cnt; ++i) all.insert({topic.topic, topic.partitions[i].id});
  };
  const auto ask_for = [&](const std::string* name) -> rd_kafka_resp_err_t {
    owned<rd_kafka_topic_t> topic;
    if (name != nullptr) topic.reset(rd_kafka_topic_new(client_.get(), name->c_str(), nullptr));
    const rd_kafka_metadata_t* answer = nullptr;
    const rd_kafka_resp_err_t code =
        rd_kafka_metadata(client_.get(), name == nullptr ? 1 : 0, topic.get(), &answer,
                          static_cast<int>(answer_within_.count()));
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return code;
    const owned<const rd_kafka_metadata_t> metadata(answer);
    if (name != nullptr) {
      for (int i = 0; i < metadata->topic_cnt; ++i)
        if (metadata->topics[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) return metadata->topics[i].err;
    }
    const std::regex wanted(options_.pattern);
    for (int i = 0; i < metadata->topic_cnt; ++i) {
      const rd_kafka_metadata_topic_t& one = metadata->topics[i];
      if (name != nullptr ||
          (!std::string_view(one.topic).starts_with("__") && std::regex_match(one.topic, wanted)))
        take(one);
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
  };

  if (!options_.pattern.empty()) {
    const rd_kafka_resp_err_t code = ask_for(nullptr);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
      unreachable("its topics", code);
      return std::nullopt;
    }
    reached();
    return all;
  }
  std::set<std::string> names(options_.names.begin(), options_.names.end());
  for (const auto& one : options_.partitions) names.insert(one.topic);
  for (const std::string& name : names) {
    const rd_kafka_resp_err_t code = ask_for(&name);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    const bool missing =
        code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
    if (missing &&
        (begun_ || options_.on_missing_topic == millrace::kafka::on_missing_topic::wait)) {
      missing_topic_ = true;
      continue;
    }
    if (missing)
      throw usage_error(description() +
                        ": there is no such topic (on_missing_topic = wait waits for it): " + name);
    if (!may_pass(code))
      throw error(description() + ": the topic can't be read, " + rd_kafka_err2str(code) + ": " +
                  name);
    unreachable(name, code);
    return std::nullopt;
  }
  reached();
  if (options_.partitions.empty()) return all;
  std::set<topic_partition> wanted;
  for (const auto& one : options_.partitions) {
    if (all.contains(one)) wanted.insert(one);
    else missing_topic_ = true;
    if (missing_topic_ && !begun_ &&
        options_.on_missing_topic == millrace::kafka::on_missing_topic::fail)
      throw usage_error(description() + ": there is no such partition: " + name_of(one));
  }
  return wanted;
}

std::optional<topic_offsets::offset_map> topic_offsets::ask_all(std::int64_t time) {
  offset_map times;
  for (const auto& one : followed_) times[one.first] = time;
  return ask(times);
}

std::optional<topic_offsets::offset_map> topic_offsets::ask(const offset_map& times) {
  const partition_list list = make_list();
  for (const auto& one : times) add(list, one.first.topic, one.first.partition, one.second);
  const rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(
      client_.get(), list.get(), static_cast<int>(answer_within_.count()));
  if (is_gone(code)) {  // all of them: the brokers are there
    look_again_soon();
    return std::nullopt;
  }
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    unreachable("offsets", code);
    return std::nullopt;
  }
  offset_map answer;
  offset_map later;  // a time behind the last record
  for (int i = 0; i < list->cnt; ++i) {
    const rd_kafka_topic_partition_t& one = list->elems[i];
    const topic_partition p{one.topic, one.partition};
    if (one.err == RD_KAFKA_RESP_ERR_NO_ERROR && one.offset >= 0) {
      answer[p] = one.offset;
    } else if (one.err == RD_KAFKA_RESP_ERR_NO_ERROR && times.at(p) >= 0) {
      later[p] = RD_KAFKA_OFFSET_END;
    } else if (may_pass(one.err)) {
      look_again_soon();
    } else {
      throw error(description() + ": offsets can't be had, " + rd_kafka_err2str(one.err) + ": " +
                  name_of(p));
    }
  }
  if (!later.empty()) {
    const std::optional<offset_map> ends = ask(later);
    if (!ends) return std::nullopt;
    answer.insert(ends->begin(), ends->end());
  }
  if (!answer.empty()) reached();
  return answer;
}

void topic_offsets::check_beginnings() {
  const std::optional<offset_map> first = ask_all(RD_KAFKA_OFFSET_BEGINNING);
  if (!first) return;
  checked_ = clock::now();
  for (const auto& [partition, offset] : *first) {
    followed& state = followed_[partition];
    if (offset <= state.next) continue;
    lost(partition, state.next, offset, "records were deleted before they were read");
    state = {offset, {}};
  }
}

bool topic_offsets::confirmed(followed& one) {
  const clock::time_point now = clock::now();
  if (!one.suspect) one.suspect = now;
  return now - *one.suspect >= belief;
}

void topic_offsets::lost(const topic_partition& where, std::int64_t from, std::int64_t until,
                         const std::string& why) {
  const std::string text = description() + ": records are lost, " + why + ": " + name_of(where) +
                           ", offsets from " + std::to_string(from) +
                           (until < 0 ? std::string() : " up to " + std::to_string(until));
  if (options_.on_data_loss == millrace::kafka::on_data_loss::fail)
    throw error(text + " (on_data_loss = skip goes on without them)");
  reporter_.report(text);
}

void topic_offsets::unreachable(const std::string& what, rd_kafka_resp_err_t code) {
  // Later it may be a token that ran out, or a broker that forgot: that may pass.
  if (!may_pass(code) || (!begun_ && client_.not_let_in()))
    throw error(description() + ": " + rd_kafka_err2str(code) + client_.last_trouble());
  if (outage_) return;
  outage_ = true;
  reporter_.report(description() + ": the brokers don't answer, the stream waits for them (" +
                   what + ", " + rd_kafka_err2str(code) + ")" + client_.last_trouble());
}

void topic_offsets::reached() {
  if (outage_) log_info(description() + ": the brokers answer again");
  outage_ = false;
}

}  // namespace millrace::detail::kafka
