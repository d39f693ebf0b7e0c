#include "connectors/kafka/marker.hpp"

#include <chrono>
#include <cstring>
#include <thread>

#include "millrace/error.hpp"

namespace millrace::detail::kafka {
namespace {

using namespace std::chrono_literals;

constexpr int answer_within_ms = 10'000;
/// Until an offset that is being committed is asked for again.
constexpr auto soon = 20ms;

using question = std::unique_ptr<rd_kafka_AdminOptions_t, decltype(&rd_kafka_AdminOptions_destroy)>;
using answer = std::unique_ptr<rd_kafka_event_t, decltype(&rd_kafka_event_destroy)>;

/// Null: `go_on` said no.
answer ask(const client& by, const std::string& topic, const std::string& name,
           const std::function<bool()>& go_on) {
  char why[512];
  const question how(
      rd_kafka_AdminOptions_new(by.get(), RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS),
      rd_kafka_AdminOptions_destroy);
  rd_kafka_AdminOptions_set_request_timeout(how.get(), answer_within_ms, why, sizeof why);
  const owned<rd_kafka_error_t> refused(
      rd_kafka_AdminOptions_set_require_stable_offsets(how.get(), 1));
  if (refused != nullptr) throw error(rd_kafka_error_string(refused.get()));
  const partition_list list = make_list();
  add(list, topic, 0, RD_KAFKA_OFFSET_INVALID);
  const owned<rd_kafka_queue_t> queue(rd_kafka_queue_new(by.get()));
  rd_kafka_ListConsumerGroupOffsets_t* group =
      rd_kafka_ListConsumerGroupOffsets_new(name.c_str(), list.get());
  rd_kafka_ListConsumerGroupOffsets(by.get(), &group, 1, how.get(), queue.get());
  rd_kafka_ListConsumerGroupOffsets_destroy(group);
  answer came(nullptr, rd_kafka_event_destroy);
  while (came == nullptr && go_on()) came.reset(rd_kafka_queue_poll(queue.get(), 100));
  return came;
}

rd_kafka_resp_err_t read(const rd_kafka_event_t& from, marker& to) {
  if (const rd_kafka_resp_err_t code = rd_kafka_event_error(const_cast<rd_kafka_event_t*>(&from));
      code != RD_KAFKA_RESP_ERR_NO_ERROR)
    return code;
  std::size_t groups = 0;
  const rd_kafka_group_result_t** const all = rd_kafka_ListConsumerGroupOffsets_result_groups(
      rd_kafka_event_ListConsumerGroupOffsets_result(const_cast<rd_kafka_event_t*>(&from)),
      &groups);
  if (groups != 1) return RD_KAFKA_RESP_ERR__BAD_MSG;
  if (const rd_kafka_error_t* const failure = rd_kafka_group_result_error(all[0]);
      failure != nullptr)
    return rd_kafka_error_code(failure);
  const rd_kafka_topic_partition_list_t* const offsets = rd_kafka_group_result_partitions(all[0]);
  if (offsets == nullptr || offsets->cnt != 1) return RD_KAFKA_RESP_ERR__BAD_MSG;
  const rd_kafka_topic_partition_t& one = offsets->elems[0];
  if (one.err == RD_KAFKA_RESP_ERR_NO_ERROR && one.offset >= 0)
    to = {one.offset, std::string(static_cast<const char*>(one.metadata), one.metadata_size)};
  return one.err;
}

}  // namespace

std::string transaction_name(const std::string& application, const std::string& operation) {
  return "millrace." + application + "." + operation;
}

marker make_marker(std::int64_t batch, std::size_t partitions, const std::string& writer) {
  return {batch, "millrace batch=" + std::to_string(batch) +
                     " partitions=" + std::to_string(partitions) + " writer=" + writer};
}

partition_list marker_offsets(const marker& m, const std::string& topic) {
  partition_list list = make_list();
  rd_kafka_topic_partition_t& one = add(list, topic, 0, m.batch);
  one.metadata = strdup(m.about.c_str());  // the list frees it
  one.metadata_size = m.about.size();
  return list;
}

marker read_marker(const client& by, const std::string& topic, const std::string& name,
                   const std::function<bool()>& go_on) {
  for (;;) {
    marker found;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    if (const answer came = ask(by, topic, name, go_on); came != nullptr) code = read(*came, found);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return found;
    if (!may_pass(code) || !go_on())
      throw error("kafka: which batch was committed last can't be read from the group \"" + name +
                  "\": " + rd_kafka_err2str(code) + by.last_trouble());
    std::this_thread::sleep_for(soon);
  }
}

}  // namespace millrace::detail::kafka
