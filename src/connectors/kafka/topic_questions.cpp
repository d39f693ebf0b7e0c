#include "connectors/kafka/topic_questions.hpp"

#include <algorithm>
#include <regex>

#include "millrace/detail/base/log.hpp"
#include "millrace/error.hpp"

namespace millrace::detail::kafka {
namespace {

using namespace std::chrono_literals;
using millrace::kafka::topic_partition;

/// A broker that did not answer in time is given twice as much, up to this: it may be slow.
constexpr std::chrono::milliseconds most_wait = 4s;

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

std::string name_of(const topic_partition& p) {
  return p.topic + "[" + std::to_string(p.partition) + "]";
}

topic_questions::topic_questions(const millrace::kafka::topics& options, reporter to)
    : options_(options),
      reporter_(std::move(to)),
      client_(RD_KAFKA_CONSUMER, driver_settings(options)) {}

std::string topic_questions::description() const { return "kafka " + options_.brokers; }

/// Adds the partitions of this topic, or of all that match the pattern.
rd_kafka_resp_err_t topic_questions::ask_for(const std::string* name,
                                             std::set<topic_partition>& all) {
  owned<rd_kafka_topic_t> topic;
  if (name != nullptr) topic.reset(rd_kafka_topic_new(client_.get(), name->c_str(), nullptr));
  const rd_kafka_metadata_t* came = nullptr;
  const rd_kafka_resp_err_t code =
      rd_kafka_metadata(client_.get(), name == nullptr ? 1 : 0, topic.get(), &came, within());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return code;
  const owned<const rd_kafka_metadata_t> metadata(came);
  const std::regex wanted(options_.pattern);
  for (int i = 0; i < metadata->topic_cnt; ++i) {
    const rd_kafka_metadata_topic_t& one = metadata->topics[i];
    if (name != nullptr && one.err != RD_KAFKA_RESP_ERR_NO_ERROR) return one.err;
    if (name == nullptr &&
        (std::string_view(one.topic).starts_with("__") || !std::regex_match(one.topic, wanted)))
      continue;
    for (int p = 0; p < one.partition_cnt; ++p) all.insert({one.topic, one.partitions[p].id});
  }
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

std::optional<topic_questions::presence> topic_questions::present(bool begun) {
  presence found;
  if (!options_.pattern.empty()) {
    const rd_kafka_resp_err_t code = ask_for(nullptr, found.there);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
      unreachable("its topics", code, begun);
      return std::nullopt;
    }
    reached();
    return found;
  }
  const bool may_be_missing =
      begun || options_.on_missing_topic == millrace::kafka::on_missing_topic::wait;
  std::set<topic_partition> all;
  std::set<std::string> names(options_.names.begin(), options_.names.end());
  for (const auto& one : options_.partitions) names.insert(one.topic);
  for (const std::string& name : names) {
    const rd_kafka_resp_err_t code = ask_for(&name, all);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    const bool missing =
        code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
    if (missing && !may_be_missing)
      throw usage_error(description() +
                        ": there is no such topic (on_missing_topic = wait waits for it): " + name);
    if (missing) {
      found.missing = true;
      continue;
    }
    if (!may_pass(code))
      throw error(description() + ": the topic can't be read, " + rd_kafka_err2str(code) + ": " +
                  name);
    unreachable(name, code, begun);
    return std::nullopt;
  }
  reached();
  if (options_.partitions.empty()) {
    found.there = std::move(all);
    return found;
  }
  for (const auto& one : options_.partitions) {
    if (all.contains(one)) {
      found.there.insert(one);
      continue;
    }
    if (!may_be_missing)
      throw usage_error(description() + ": there is no such partition: " + name_of(one));
    found.missing = true;
  }
  return found;
}

std::optional<topic_questions::answer> topic_questions::offsets(const offset_map& times,
                                                                bool begun) {
  const partition_list list = make_list();
  for (const auto& one : times) add(list, one.first.topic, one.first.partition, one.second);
  const rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(client_.get(), list.get(), within());
  if (is_gone(code)) return answer{{}, false};  // all of them: the brokers are there
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    unreachable("offsets", code, begun);
    return std::nullopt;
  }
  answer found;
  offset_map later;  // a time behind the last record
  for (int i = 0; i < list->cnt; ++i) {
    const rd_kafka_topic_partition_t& one = list->elems[i];
    const topic_partition p{one.topic, one.partition};
    if (one.err == RD_KAFKA_RESP_ERR_NO_ERROR && one.offset >= 0) {
      found.offsets[p] = one.offset;
    } else if (one.err == RD_KAFKA_RESP_ERR_NO_ERROR && times.at(p) >= 0) {
      later[p] = RD_KAFKA_OFFSET_END;
    } else if (may_pass(one.err)) {
      found.whole = false;
    } else {
      throw error(description() + ": offsets can't be had, " + rd_kafka_err2str(one.err) + ": " +
                  name_of(p));
    }
  }
  if (!later.empty()) {
    const std::optional<answer> ends = offsets(later, begun);
    if (!ends) return std::nullopt;
    found.offsets.insert(ends->offsets.begin(), ends->offsets.end());
    found.whole = found.whole && ends->whole;
  }
  if (!found.offsets.empty()) reached();
  return found;
}

void topic_questions::unreachable(const std::string& what, rd_kafka_resp_err_t code, bool begun) {
  // Later it may be a token that ran out, or a broker that forgot: that may pass.
  if (!may_pass(code) || (!begun && client_.not_let_in()))
    throw error(description() + ": " + rd_kafka_err2str(code) + client_.last_trouble());
  slow_wait_ = std::min(std::max(least_wait_, slow_wait_) * 2, most_wait);
  if (outage_.exchange(true)) return;
  reporter_.report(description() + ": the brokers don't answer, the stream waits for them (" +
                   what + ", " + rd_kafka_err2str(code) + ")" + client_.last_trouble());
}

void topic_questions::reached() {
  slow_wait_ /= 2;
  if (outage_.exchange(false)) log_info(description() + ": the brokers answer again");
}

}  // namespace millrace::detail::kafka
