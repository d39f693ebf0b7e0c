// What says which batch was committed last.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "connectors/kafka/client.hpp"

namespace millrace::detail::kafka {

/// It goes through a transaction as the offset of a consumer group, so that it is there exactly
/// when the batch's messages are. The group and the transactional id have one name: one a sink.
struct marker {
  std::int64_t batch = -1;  ///< milliseconds since 1970; -1: none yet
  std::string about{};      ///< "millrace batch=… partitions=… writer=…"
  friend bool operator==(const marker&, const marker&) = default;
};

/// The name of (application, operation), in what Kafka allows for names.
std::string transaction_name(const std::string& application, const std::string& operation);

marker make_marker(std::int64_t batch, std::size_t partitions, const std::string& writer);
/// For rd_kafka_send_offsets_to_transaction.
partition_list marker_offsets(const marker& m, const std::string& topic);

/// The newest one of those that are committed: an offset whose transaction is still open is waited
/// for. `go_on` is asked while brokers don't answer; false, as what brokers refuse, throws error.
marker read_marker(const client& by, const std::string& topic, const std::string& name,
                   const std::function<bool()>& go_on);

}  // namespace millrace::detail::kafka
