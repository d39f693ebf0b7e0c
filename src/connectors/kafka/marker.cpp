#include "connectors/kafka/marker.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "millrace/error.hpp"

namespace millrace::detail::kafka {
namespace {

using namespace std::chrono_literals;

/// Settings that both kinds of client have: those of the connection.
millrace::kafka::librdkafka_settings of_connection(
    const millrace::kafka::librdkafka_settings& all) {
  millrace::kafka::librdkafka_settings some;
  for (const auto& one : all) {
    const std::string_view name = one.first;
    for (const std::string_view part : {"security.", "sasl.", "ssl.", "socket.", "broker.",
                                        "api.version.", "client.", "enable.sasl", "debug"})
      if (name.starts_with(part)) some.push_back(one);
  }
  return some;
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

marker read_marker(const millrace::kafka::topic& of, const std::string& name,
                   std::chrono::steady_clock::time_point deadline) {
  const millrace::kafka::librdkafka_settings connection = of_connection(of.settings);
  // read_committed: an offset whose transaction is still open is waited for.
  const client reader(RD_KAFKA_CONSUMER, {of.brokers,
                                          connection,
                                          {},
                                          {{"group.id", name},
                                           {"isolation.level", "read_committed"},
                                           {"enable.auto.commit", "false"},
                                           {"auto.offset.reset", "error"}}});
  for (;;) {
    const partition_list list = make_list();
    add(list, of.name, 0, RD_KAFKA_OFFSET_INVALID);
    rd_kafka_resp_err_t code = rd_kafka_committed(reader.get(), list.get(), 2000);
    const rd_kafka_topic_partition_t& one = list->elems[0];
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) code = one.err;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
      if (one.offset < 0) return {};
      return {one.offset, std::string(static_cast<const char*>(one.metadata), one.metadata_size)};
    }
    if (!may_pass(code) || std::chrono::steady_clock::now() >= deadline)
      throw error("kafka: which batch was committed last can't be read from the group \"" + name +
                  "\": " + rd_kafka_err2str(code) + reader.last_trouble());
    std::this_thread::sleep_for(50ms);
  }
}

}  // namespace millrace::detail::kafka
