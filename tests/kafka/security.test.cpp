// Doors that ask who comes: SASL, TLS and both, and what is said to whom they keep out.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "millrace/detail/base/log.hpp"
#include "millrace/error.hpp"
#include "millrace/kafka.hpp"
#include "millrace/testing.hpp"
#include "shared_broker.hpp"

// OpenSSL's, of which librdkafka 2.0 loses some for each client that has a key store.
// NOLINTBEGIN(bugprone-reserved-identifier): the name that LeakSanitizer asks for
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() { return "leak:CRYPTO_zalloc"; }
// NOLINTEND(bugprone-reserved-identifier)

namespace millrace {
namespace {

using namespace std::chrono_literals;
using namespace testing;

class KafkaSecurity : public ::testing::Test {
 protected:
  void SetUp() override {
    side.create(in, 1);
    side.create(out, 1);
    side.send_values(in, {"a", "b", "c"});
  }

  /// From topic to topic by this door.
  void pass(const std::string& address, const kafka::librdkafka_settings& settings) {
    stream_fixture s{{.name = in, .batch = 10s}};
    s.streaming()
        .stream(kafka::topics{
            .brokers = address, .names = {in}, .start = kafka::earliest, .settings = settings})
        .write(kafka::topic{.brokers = address, .name = out, .settings = settings});
    s.advance();
    EXPECT_EQ(side.values(out), (std::vector<std::string>{"a", "b", "c"}));
  }

  /// What a source, then a sink, says to whom it keeps out.
  std::string refusals(const std::string& address, const kafka::librdkafka_settings& settings) {
    std::string said;
    stream_fixture s{{.batch = 10s}};
    (void)s.collect(
        s.streaming()
            .stream(kafka::topics{.brokers = address, .names = {in}, .settings = settings})
            .count());
    EXPECT_TRUE(eventually([&] {
      try {
        s.advance();
      } catch (const std::exception& e) {
        said = describe(e);
      }
      return !said.empty();
    }));
    try {
      (void)kafka::topic{.brokers = address, .name = out, .settings = settings}.committed(
          {in, "write", batch_time(1s), -1, 0});
      ADD_FAILURE() << "the sink was let in";
    } catch (const error& e) {
      said += '\n' + describe(e);
    }
    return said;
  }

  kafka_side side{shared_broker().address()};
  std::string in = new_topic_name("guarded");
  std::string out = new_topic_name("out");
};

kafka::librdkafka_settings login(const std::string& protocol, const std::string& how,
                                 const std::string& secret) {
  return {{"security.protocol", protocol},
          {"sasl.mechanisms", "PLAIN"},
          {"sasl.username", "alice"},
          {"sasl.password" + how, secret}};
}

TEST_F(KafkaSecurity, a_password_comes_from_the_environment_or_a_file) {
  ::setenv("MILLRACE_TEST_PASSWORD", "the-right-one", 1);
  pass(secured().sasl, login("sasl_plaintext", ".env", "MILLRACE_TEST_PASSWORD"));
  const std::string file =
      (std::filesystem::temp_directory_path() / ("millrace-secret-" + in)).string();
  std::ofstream(file) << "the-right-one\n";
  out = new_topic_name("out");
  side.create(out, 1);
  in = new_topic_name("guarded");
  side.create(in, 1);
  side.send_values(in, {"a", "b", "c"});
  pass(secured().sasl, login("sasl_plaintext", ".file", file));
  std::filesystem::remove(file);
}

TEST_F(KafkaSecurity, tls_with_a_password) {
  kafka::librdkafka_settings all = login("sasl_ssl", "", "the-right-one");
  all.emplace_back("ssl.ca.location", secured().authority);
  pass(secured().sasl_tls, all);
}

TEST_F(KafkaSecurity, tls_with_a_certificate_of_the_clients) {
  pass(secured().tls, {{"security.protocol", "ssl"},
                       {"ssl.ca.location", secured().authority},
                       {"ssl.keystore.location", secured().certificate},
                       {"ssl.keystore.password", "the-store-one"}});
}

TEST_F(KafkaSecurity, who_is_not_let_in_is_told_at_once) {
  const std::string password =
      refusals(secured().sasl, login("sasl_plaintext", "", "canary-5f0e-of-a-password"));
  EXPECT_NE(password.find("uthentication"), std::string::npos) << password;
  EXPECT_EQ(password.find("canary-5f0e"), std::string::npos) << password;

  const std::string stranger = refusals(
      secured().tls, {{"security.protocol", "ssl"}, {"ssl.ca.location", secured().stranger}});
  EXPECT_NE(stranger.find("certificate verify failed"), std::string::npos) << stranger;
}

TEST_F(KafkaSecurity, no_secret_is_printed_whatever_goes_wrong) {
  std::string printed;  // by the log, one line at a time
  std::string said;
  const std::string canary = "canary-77aa-of-a-secret";
  detail::set_log_level(detail::log_level::debug);
  detail::set_log_sink(
      [](void* to, detail::log_level, std::string_view line) {
        *static_cast<std::string*>(to) += std::string(line) + '\n';
      },
      &printed);
  // librdkafka tells all it does, and each place of a secret has one that can't be right.
  for (const char* const name :
       {"sasl.password", "ssl.key.password", "ssl.keystore.password", "ssl.key.pem",
        "ssl.keystore.location", "sasl.oauthbearer.client.secret", "sasl.oauthbearer.config"}) {
    kafka::librdkafka_settings all{{"security.protocol", "sasl_ssl"},
                                   {"sasl.mechanisms", "PLAIN"},
                                   {"sasl.username", "alice"},
                                   {"debug", "security,broker,conf"},
                                   {"ssl.ca.location", secured().authority}};
    const bool place = std::string(name) == "ssl.keystore.location";
    if (place) all.emplace_back("ssl.keystore.password", canary);
    if (std::string(name) != "sasl.password") all.emplace_back("sasl.password", canary);
    all.emplace_back(name, place ? secured().certificate : canary);
    try {
      (void)kafka::topic{
          .brokers = secured().sasl_tls, .name = out, .patience = 2s, .settings = all}
          .committed({in, "write", batch_time(1s), -1, 0});
      ADD_FAILURE() << name;
    } catch (const error& e) {
      said += describe(e) + '\n';
    }
  }
  detail::set_log_sink(nullptr, nullptr);
  detail::set_log_level(detail::log_level::warn);
  EXPECT_FALSE(printed.empty());
  EXPECT_EQ(printed.find("canary-77aa"), std::string::npos) << printed;
  EXPECT_EQ(said.find("canary-77aa"), std::string::npos) << said;
}

}  // namespace
}  // namespace millrace
