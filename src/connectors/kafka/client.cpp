#include "connectors/kafka/client.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <mutex>
#include <vector>

#include "base/edit_distance.hpp"
#include "millrace/detail/base/log.hpp"
#include "millrace/error.hpp"

namespace millrace::detail::kafka {
namespace {

/// All that librdkafka knows, from the table that it prints.
std::vector<std::string> known_names() {
  char* text = nullptr;
  std::size_t size = 0;
  std::FILE* const to = open_memstream(&text, &size);
  if (to == nullptr) return {};
  rd_kafka_conf_properties_show(to);
  std::vector<std::string> names;
  const bool whole = std::fclose(to) == 0;
  std::string_view rest = whole ? std::string_view(text, size) : std::string_view();
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const std::string_view name = line.substr(0, line.find(' '));
    if (name.empty() || std::islower(static_cast<unsigned char>(name[0])) == 0) continue;
    if (line.find('|') != std::string_view::npos) names.emplace_back(name);
  }
  std::free(text);
  return names;
}

std::string nearest_name(std::string_view to) {
  std::string nearest;
  std::size_t least = SIZE_MAX;
  for (const std::string& name : known_names()) {
    const std::size_t distance = edit_distance(name, to);
    if (distance >= least) continue;
    least = distance;
    nearest = name;
  }
  return nearest;
}

bool is_secret(std::string_view name) {
  constexpr std::array secrets{std::string_view("password"), std::string_view("secret"),
                               std::string_view("key.pem"), std::string_view("oauthbearer.config"),
                               std::string_view("token")};
  return std::any_of(secrets.begin(), secrets.end(), [&](std::string_view part) {
    return name.find(part) != std::string_view::npos;
  });
}

std::string read_file(const std::string& name, const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in)
    throw usage_error("kafka: the file of the setting \"" + name + "\" can't be read: " + path);
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  return text;
}

std::string of_environment(const std::string& name, const std::string& variable) {
  const char* const value = std::getenv(variable.c_str());
  if (value == nullptr)
    throw usage_error("kafka: the environment has no such variable, which the setting \"" + name +
                      "\" names: " + variable);
  return value;
}

void set(rd_kafka_conf_t* conf, const std::string& name, const std::string& value, bool hidden) {
  char why[512];
  switch (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), why, sizeof why)) {
    case RD_KAFKA_CONF_OK: return;
    case RD_KAFKA_CONF_UNKNOWN:
      throw usage_error("kafka: there is no such setting; the nearest is \"" + nearest_name(name) +
                        "\": \"" + name + "\"");
    case RD_KAFKA_CONF_INVALID: break;
  }
  // librdkafka's own words hold the value.
  throw usage_error("kafka: the setting \"" + name + "\" can't have this value" +
                    (hidden ? std::string(", which is not shown here") : ": " + std::string(why)));
}

/// `name.file` and `name.env` are ours unless librdkafka has a setting of that name.
void set_of_program(rd_kafka_conf_t* conf, const client_settings& s, const std::string& name,
                    const std::string& value) {
  for (const setting& ours : s.fixed) {
    if (name == ours.name || (name == "metadata.broker.list"))
      throw usage_error("kafka: this setting is millrace's to make; the options say the same: \"" +
                        name + "\"");
  }
  std::array<char, 16> there{};
  std::size_t size = there.size();
  const auto known = [&](const std::string& one) {
    return rd_kafka_conf_get(conf, one.c_str(), there.data(), &size) == RD_KAFKA_CONF_OK;
  };
  const auto without = [&](std::string_view end) {
    return name.substr(0, name.size() - end.size());
  };
  if (name.ends_with(".file") && !known(name))
    set(conf, without(".file"), read_file(name, value), true);
  else if (name.ends_with(".env") && !known(name))
    set(conf, without(".env"), of_environment(name, value), true);
  else set(conf, name, value, is_secret(name));
}

void log_line(const rd_kafka_t*, int level, const char* facility, const char* text) {
  // What matters is told by us, once: here a broker that is down has a line for each attempt.
  const std::string line = std::string("librdkafka: ") + facility + ": " + text;
  if (level <= 4) log_info(line);
  else log_debug(line);
}

}  // namespace

owned<rd_kafka_conf_t> make_configuration(const client_settings& s) {
  if (s.brokers.empty()) throw usage_error("kafka: the brokers are missing (\"host:port\")");
  owned<rd_kafka_conf_t> conf(rd_kafka_conf_new());
  set(conf.get(), "bootstrap.servers", std::string(s.brokers), false);
  set(conf.get(), "client.id", "millrace", false);
  for (const setting& one : s.initial) set(conf.get(), one.name, one.value, false);
  for (const auto& one : s.of_program) set_of_program(conf.get(), s, one.first, one.second);
  for (const setting& one : s.fixed) set(conf.get(), one.name, one.value, false);
  rd_kafka_conf_set_log_cb(conf.get(), log_line);
  if (s.delivered != nullptr) rd_kafka_conf_set_dr_msg_cb(conf.get(), s.delivered);
  return conf;
}

struct client::trouble {
  std::mutex mutex;
  std::string last;
  bool not_let_in = false;

  static void note(rd_kafka_t*, int code, const char* reason, void* opaque) {
    auto& self = *static_cast<trouble*>(opaque);
    const std::lock_guard lock(self.mutex);
    // What comes after it says less: that all brokers are down.
    if (self.not_let_in) return;
    self.last = reason;
    self.not_let_in = code == RD_KAFKA_RESP_ERR__AUTHENTICATION || code == RD_KAFKA_RESP_ERR__SSL ||
                      code == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED;
  }
};

client::client(rd_kafka_type_t type, const client_settings& s)
    : trouble_(std::make_unique<trouble>()) {
  owned<rd_kafka_conf_t> conf = make_configuration(s);
  rd_kafka_conf_set_error_cb(conf.get(), trouble::note);
  rd_kafka_conf_set_opaque(conf.get(), trouble_.get());
  char why[512];
  handle_.reset(rd_kafka_new(type, conf.get(), why, sizeof why));
  if (handle_ == nullptr)
    throw error("kafka: librdkafka can't begin with these settings: " + std::string(why));
  (void)conf.release();  // the client's now
}

client::~client() = default;

std::string client::last_trouble() const {
  rd_kafka_poll(handle_.get(), 0);  // it tells here
  const std::lock_guard lock(trouble_->mutex);
  return trouble_->last.empty() ? std::string() : ": " + trouble_->last;
}

bool client::not_let_in() const {
  rd_kafka_poll(handle_.get(), 0);
  const std::lock_guard lock(trouble_->mutex);
  return trouble_->not_let_in;
}

bool may_pass(rd_kafka_resp_err_t what) {
  switch (what) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
    case RD_KAFKA_RESP_ERR__WAIT_CACHE:
    case RD_KAFKA_RESP_ERR__NODE_UPDATE:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT:
    case RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS: return true;
    default: return false;
  }
}

bool is_gone(rd_kafka_resp_err_t what) {
  return what == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
         what == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC || what == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

}  // namespace millrace::detail::kafka
