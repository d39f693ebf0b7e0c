// The broker that tests of this process share, and the ways to it.
#pragma once

#include <string>

#include "broker.hpp"
#include "proxy.hpp"

namespace millrace::testing {

/// One for all tests of this process, which have topics of their own names; started when it is
/// first asked for.
kafka_broker& shared_broker();
/// A name that no other test has.
std::string new_topic_name(const std::string& about = "topic");

/// The shared broker by a wire that tests may hurt; whoever did heals it.
tcp_proxy& wire();
std::string wire_address();

/// The shared broker's other doors. User "alice" with the password "the-right-one" (SASL PLAIN).
struct secured_addresses {
  std::string sasl;         // without TLS
  std::string tls;          // which asks for the client's certificate
  std::string sasl_tls;     // and for none
  std::string authority;    // of the broker's certificate, a PEM file
  std::string certificate;  // of the client, with its key: a PKCS#12 file, password "the-store-one"
  std::string stranger;     // an authority that signed neither, a PEM file
};
const secured_addresses& secured();

}  // namespace millrace::testing
