// A client of librdkafka: what owns its parts, and how its settings come together.
#pragma once

#include <librdkafka/rdkafka.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/kafka.hpp"

namespace millrace::detail::kafka {

struct destroyer {
  /// Leaves no group, since none was joined. REQUIRES: no message of the client's is left.
  void operator()(rd_kafka_t* client) const {
    rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
  }
  void operator()(rd_kafka_conf_t* conf) const { rd_kafka_conf_destroy(conf); }
  void operator()(rd_kafka_topic_t* topic) const { rd_kafka_topic_destroy(topic); }
  void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
  void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
  void operator()(rd_kafka_error_t* failure) const { rd_kafka_error_destroy(failure); }
  void operator()(rd_kafka_topic_partition_list_t* list) const {
    rd_kafka_topic_partition_list_destroy(list);
  }
  void operator()(const rd_kafka_metadata_t* metadata) const {
    rd_kafka_metadata_destroy(metadata);
  }
  void operator()(rd_kafka_consumer_group_metadata_t* group) const {
    rd_kafka_consumer_group_metadata_destroy(group);
  }
};
template <class T>
using owned = std::unique_ptr<T, destroyer>;
using partition_list = owned<rd_kafka_topic_partition_list_t>;

struct setting {
  const char* name;
  std::string value;
};
struct client_settings {
  std::string_view brokers;
  const millrace::kafka::librdkafka_settings& of_program;
  /// Where the program may say otherwise.
  std::vector<setting> initial;
  /// Where it may not: usage_error.
  std::vector<setting> fixed;
  /// Gets the reports on messages; null: nobody does.
  void (*delivered)(rd_kafka_t*, const rd_kafka_message_t*, void*) = nullptr;
};
/// Throws usage_error for unknown names, values that can't be, and missing brokers.
owned<rd_kafka_conf_t> make_configuration(const client_settings& s);

class client {
 public:
  /// Connects in the background. Throws as `make_configuration`, and error where librdkafka can't
  /// begin.
  client(rd_kafka_type_t type, const client_settings& s);
  ~client();
  client(const client&) = delete;
  client& operator=(const client&) = delete;

  rd_kafka_t* get() const { return handle_.get(); }
  /// What librdkafka said last of brokers that it could not reach, after ": "; empty: nothing.
  std::string last_trouble() const;
  /// Whether brokers did not know us: who we are, or the certificates of either side.
  bool not_let_in() const;

 private:
  struct trouble;
  std::unique_ptr<trouble> trouble_;  // outlives the handle, whose threads write to it
  owned<rd_kafka_t> handle_;
};

/// Nobody is to blame but the network or the brokers, and it may pass.
bool may_pass(rd_kafka_resp_err_t what);
/// The topic or the partition is not there, at least now.
bool is_gone(rd_kafka_resp_err_t what);

inline partition_list make_list() { return partition_list(rd_kafka_topic_partition_list_new(8)); }
inline rd_kafka_topic_partition_t& add(const partition_list& to, const std::string& topic,
                                       int partition, std::int64_t offset) {
  rd_kafka_topic_partition_t* const one =
      rd_kafka_topic_partition_list_add(to.get(), topic.c_str(), partition);
  one->offset = offset;
  return *one;
}

}  // namespace millrace::detail::kafka
