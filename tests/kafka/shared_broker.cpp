#include "shared_broker.hpp"

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include "free_port.hpp"

namespace millrace::testing {
namespace {

namespace fs = std::filesystem;

/// Keys and certificates, made anew by the tool that comes with the broker's virtual machine.
class certificates {
 public:
  certificates() {
    std::string name = (fs::temp_directory_path() / "millrace-keys-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no directory for keys");
    directory_ = name;
    for (const char* const who : {"broker", "client", "stranger"}) {
      run(std::string("-genkeypair -alias ") + who + " -keyalg EC -dname CN=" + who +
          " -ext san=ip:127.0.0.1 -ext bc:c -storetype PKCS12 -keystore " + file(who, ".p12"));
      run(std::string("-exportcert -rfc -alias ") + who + " -keystore " + file(who, ".p12") +
          " -file " + file(who, ".pem"));
    }
    run("-importcert -noprompt -alias client -file " + file("client", ".pem") + " -keystore " +
        file("trusted", ".p12"));
  }
  ~certificates() {
    std::error_code ignored;  // a directory that stays in /tmp fails no test
    fs::remove_all(directory_, ignored);
  }
  certificates(const certificates&) = delete;
  certificates& operator=(const certificates&) = delete;

  std::string file(const std::string& who, const std::string& kind) const {
    return directory_ + "/" + who + kind;
  }

 private:
  void run(const std::string& what) const {
    const std::string log = file("keytool", ".log");
    if (std::system(("keytool " + what + " -storepass the-store-one >" + log + " 2>&1").c_str()) !=
        0)
      throw std::runtime_error("keytool failed, see " + log + ": " + what);
  }

  std::string directory_;
};

struct everything {
  tcp_proxy proxy;
  certificates keys;
  std::uint16_t behind_proxy = free_port();
  std::uint16_t sasl = free_port();
  std::uint16_t tls = free_port();
  std::uint16_t sasl_tls = free_port();
  kafka_broker broker{properties()};
  secured_addresses doors{at(sasl),
                          at(tls),
                          at(sasl_tls),
                          keys.file("broker", ".pem"),
                          keys.file("client", ".p12"),
                          keys.file("stranger", ".pem")};

  everything() { proxy.forward_to(behind_proxy); }

  static std::string at(std::uint16_t port) { return "127.0.0.1:" + std::to_string(port); }
  std::vector<std::string> properties() const {
    const std::string login =
        "plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required "
        "user_alice=\"the-right-one\";";
    const auto stores = [&](const std::string& listener) {
      const std::string of = "listener.name." + listener + ".ssl.";
      return std::vector<std::string>{of + "keystore.location=" + keys.file("broker", ".p12"),
                                      of + "keystore.password=the-store-one",
                                      of + "truststore.location=" + keys.file("trusted", ".p12"),
                                      of + "truststore.password=the-store-one"};
    };
    std::vector<std::string> all{
        // NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one text
        "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,WIRE:PLAINTEXT,"
        "LOCKED:SASL_PLAINTEXT,SEALED:SSL,BOTH:SASL_SSL",
        "sasl.enabled.mechanisms=PLAIN",
        "listener.name.locked." + login,
        "listener.name.both." + login,
        "listener.name.sealed.ssl.client.auth=required",
        "+listener=WIRE://" + at(behind_proxy) + "@" + at(proxy.port()),
        "+listener=LOCKED://" + at(sasl),
        "+listener=SEALED://" + at(tls),
        "+listener=BOTH://" + at(sasl_tls)};
    for (const char* const listener : {"sealed", "both"}) {
      const auto more = stores(listener);
      all.insert(all.end(), more.begin(), more.end());
    }
    return all;
  }
};

everything& all() {
  static everything one;
  return one;
}

}  // namespace

kafka_broker& shared_broker() { return all().broker; }

std::string new_topic_name(const std::string& about) {
  static std::atomic<int> number{0};
  return about + "-" + std::to_string(++number);
}

tcp_proxy& wire() { return all().proxy; }
std::string wire_address() { return everything::at(all().proxy.port()); }
const secured_addresses& secured() { return all().doors; }

}  // namespace millrace::testing
