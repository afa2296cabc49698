#!/usr/bin/perl
# The outbound client, by what becomes of a discovery document: a real TLS
# server with a private CA, and servers that do everything wrong.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";

use Carmen::Test;
use IO::Select;
use IO::Socket::INET;
use Time::HiRes qw(sleep time);

my @children;
END { local $?; kill 'KILL', @children if @children; }


sub child
{
    my ($code) = @_;
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        $SIG{TERM} = 'DEFAULT';
        $code->();
        POSIX::_exit(0);
    }
    push @children, $pid;
    return $pid;
}


sub listener
{
    return IO::Socket::INET->new(LocalHost => '127.0.0.1', Listen => 64,
                                 ReuseAddr => 1) // die "listen: $!";
}


# A server that reads a request and calls the code with the connection.

sub server
{
    my ($code) = @_;
    my $listener = listener();
    child(sub {
        while (my $s = $listener->accept) {
            $s->autoflush;
            my $request = '';
            while ($request !~ /\r\n\r\n/) {
                sysread($s, $request, 4096, length $request) or last;
            }
            $code->($s, $request);
            close $s;
        }
    });
    return $listener->sockport;
}


# An answer of DNS: A records for the names that are known.

sub resolver
{
    my (%names) = @_;
    my $socket = IO::Socket::INET->new(LocalHost => '127.0.0.1',
                                       Proto => 'udp') // die "udp: $!";
    child(sub {
        while (1) {
            my $peer = recv $socket, my $query, 512, 0;
            next if !defined $peer;
            my ($labels, $type) = $query =~ /^.{12}((?:.+?))\0(..)/s or next;
            my $name = join '.', unpack '(C/a)*', $labels;
            my @addresses = unpack('n', $type) == 1
                ? @{ $names{$name} // [] } : ();
            my $known = exists $names{$name};
            my $answer = substr($query, 0, 2)
                . pack('n5', $known ? 0x8180 : 0x8183, 1, scalar @addresses,
                       0, 0)
                . "$labels\0" . $type . pack('n', 1)
                . join '', map { pack 'n n n N n a4', 0xc00c, 1, 1, 1, 4,
                                 Socket::inet_aton($_) } @addresses;
            send $socket, $answer, 0, $peer;
        }
    });
    return $socket->sockport;
}


my $t = Carmen::Test->new(no_start => 1, workers => 1, log_level => 'info');
my $dir = $t->nginx->dir;


# A CA, and certificates of it.

sub openssl
{
    Carmen::Cluster::run('sh', '-c', "cd $dir && openssl @_");
}

openssl('req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ca '
        . '-keyout ca.key -out ca.pem');

sub certificate
{
    my ($name, $alt, $days) = @_;
    Carmen::Token::write_file("$dir/$name.ext", "subjectAltName=$alt\n");
    openssl("req -newkey rsa:2048 -nodes -subj /CN=$name "
            . "-keyout $name.key -out $name.csr");
    openssl("x509 -req -in $name.csr -CA ca.pem -CAkey ca.key "
            . "-CAcreateserial -days $days -extfile $name.ext "
            . "-out $name.pem");
}

certificate('good', 'DNS:good.test,IP:127.0.0.1', 2);
certificate('other', 'DNS:other.test', 2);
openssl('req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=good.test '
        . '-addext subjectAltName=DNS:good.test '
        . '-keyout self.key -out self.pem');


# nginx is the TLS server; what it serves is a discovery document.

my %tls = map { my $l = listener(); my $port = $l->sockport;
                ($_ => $port) } qw(good other self);

sub discovery
{
    my ($issuer) = @_;
    return to_json({
        issuer => $issuer, jwks_uri => "$issuer/jwks",
        authorization_endpoint => "$issuer/authorize",
        token_endpoint => "$issuer/token",
    });
}

my $large = ' ' x 300_000;
my %says = (
    whole => sub {
        my ($s, $body) = @_;
        printf $s "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s",
            length $body, $body;
    },
    slowly => sub {
        my ($s, $body) = @_;
        for (split //, "HTTP/1.1 200 OK\r\nContent-Length: "
                       . length($body) . "\r\n\r\n$body")
        {
            print $s $_;
            sleep 0.001;
        }
    },
    chunked => sub {
        my ($s, $body) = @_;
        print $s "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        for (unpack '(a7)*', $body) {
            printf $s "%x;extension=1\r\n%s\r\n", length, $_;
            sleep 0.001;
        }
        print $s "0\r\nTrailer: x\r\n\r\n";
    },
    to_the_end => sub {
        my ($s, $body) = @_;
        print $s "HTTP/1.0 200 OK\nServer: bare\r\n\r\n$body";
    },
    interim => sub {
        my ($s, $body) = @_;
        printf $s "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
            . "HTTP/1.1 100 Continue\r\n\r\n"
            . "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", length $body,
            $body;
    },
    never => sub { sysread $_[0], my $more, 1 },
    too_large => sub {
        my ($s, $body) = @_;
        print $s "HTTP/1.1 200 OK\r\n\r\n$large$body";
    },
    too_large_said => sub {
        my ($s) = @_;
        print $s "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"
            . $large;
    },
    endless_head => sub {
        my ($s) = @_;
        print $s "HTTP/1.1 200 OK\r\n";
        print $s "X-Header: $_\r\n" or last for 1 .. 40_000;
    },
    cut => sub {
        my ($s) = @_;
        print $s "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{";
    },
    cut_chunk => sub {
        my ($s) = @_;
        print $s "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{";
    },
    empty_size => sub {
        my ($s, $body) = @_;
        printf $s "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            . "%x\r\n%s\r\n\r\n\r\n", length $body, $body;
    },
    large_size => sub {
        my ($s) = @_;
        print $s "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            . "fffffffffffffffff\r\n{";
    },
    flood => sub {
        my ($s, $body) = @_;
        print $s "HTTP/1.1 100 Continue\r\n\r\n" x 9_000;
    },
    garbage => sub { my ($s) = @_; print $s "220 mail ESMTP\r\n\r\n" },
    hang_up => sub { },
    moved => sub {
        my ($s) = @_;
        print $s "HTTP/1.1 302 Found\r\nLocation: /x\r\n"
            . "Content-Length: 0\r\n\r\n";
    },
    negative => sub {
        my ($s) = @_;
        print $s "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}";
    },
    two_bodies => sub {
        my ($s) = @_;
        print $s "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}{}";
    },
    not_json => sub {
        my ($s) = @_;
        print $s "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{,}";
    },
);

my %port;
for my $name (sort keys %says) {
    my $own;
    my $listener = listener();
    $port{$name} = $listener->sockport;
    child(sub {
        while (my $s = $listener->accept) {
            $s->autoflush;
            local $SIG{PIPE} = 'IGNORE';
            my $request = '';
            while ($request !~ /\r\n\r\n/) {
                sysread($s, $request, 4096, length $request) or last;
            }
            $says{$name}->($s, discovery("http://127.0.0.1:$port{$name}"));
            close $s;
        }
    });
}

my $nobody = do { my $l = listener(); $l->sockport };
my $dns = resolver('good.test' => ['127.0.0.1'], 'self.test' => ['127.0.0.1'],
    'private.test' => ['127.0.0.1'], 'mixed.test' => ['198.51.100.1',
                                                      '10.0.0.1']);

my %issuer = (
    (map { ($_ => "http://127.0.0.1:$port{$_}") } keys %says),
    refused => "http://127.0.0.1:$nobody",
    unknown => 'https://unknown.test',
    'good-name' => "https://good.test:$tls{good}",
    'good-address' => "https://127.0.0.1:$tls{good}",
    'other-name' => "https://good.test:$tls{other}",
    'other-address' => "https://127.0.0.1:$tls{other}",
    'self-signed' => "https://good.test:$tls{self}",
    'tls-to-plain' => "https://good.test:$port{whole}",
    user => 'https://user@good.test',
    scheme => 'ftp://good.test',
);
my %private = (
    'private-address' => "https://127.0.0.1:$tls{good}",
    'private-name' => "https://private.test:$tls{good}",
    'private-mixed' => 'https://mixed.test',
    'private-six' => 'https://[::1]',
    'private-mapped' => 'https://[::ffff:10.0.0.1]',
    'private-plain' => "http://127.0.0.1:$port{whole}",
);

sub providers
{
    my (%of) = @_;
    return join '', map {
        (my $name = $_) =~ tr/_/-/;
        "carmen_auth_social $name oidc client=x issuer=$of{$_};\n"
    } sort keys %of;
}

my $api = 'http://127.0.0.1:' . $t->port . '/api';
$t->nginx->{server} = <<"END";
        resolver 127.0.0.1:$dns ipv6=off;
        resolver_timeout 2s;
        carmen_auth_social_redirect $api/v1;
        carmen_auth_social_ca $dir/ca.pem;
        carmen_auth_social_timeout 2s;
        carmen_auth_social_allow private plain;
@{[ providers(%issuer) ]}
END
$t->nginx->{http} = join '', map { <<"END" } sort keys %tls;
    server {
        listen 127.0.0.1:$tls{$_} ssl;
        ssl_certificate $dir/$_.pem;
        ssl_certificate_key $dir/$_.key;
        location / {
            default_type application/json;
            return 200 '{"issuer":"https://\$http_host","jwks_uri":"https://\$http_host/k","authorization_endpoint":"https://\$http_host/a","token_endpoint":"https://\$http_host/t"}';
        }
    }
END
$t->nginx->{locations} = <<"END";
        location /strict/ {
            carmen_prefix /strict;
            carmen_auth_endpoints;
            carmen_auth_social_allow plain;
            @{[ providers(%private) ]}
        }
END
$t->nginx->start;
my $c = $t->client;

my $read = 0;

sub reason
{
    my $text = substr $t->nginx->log, $read;
    $read += length $text;
    my ($why) = $text =~ /carmen: ([^\n]*?), client:/;
    return $why // '';
}

sub good
{
    my ($name) = @_;
    my $r = $c->get("/api/v1/auth/social/$name/start");
    is($r->status, 302, "good: $name") or diag($r->body, reason());
    reason();
}

sub bad
{
    my ($name, $why, $prefix) = @_;
    my $began = time;
    problem_is($c->get(($prefix // '/api/v1') . "/auth/social/$name/start"),
               502, 'provider-unavailable', "bad: $name");
    like(reason(), $why, '... the log says why');
    cmp_ok(time - $began, '<', 3.5, '... in time')
        if !$Carmen::Nginx::SANITIZED;
}

good($_) for qw(whole slowly chunked to-the-end interim good-name
                good-address);

bad('never', qr/did not answer in time$/);
bad('too-large', qr/too large$/);
bad('too-large-said', qr/too large$/);
bad('endless-head', qr/too large$/);
bad('cut', qr/not whole$/);
bad('cut-chunk', qr/not whole$/);
bad('empty-size', qr/not whole$/);
bad('large-size', qr/not whole$/);
bad('flood', qr/not HTTP$/);
bad('garbage', qr/not HTTP$/);
bad('hang-up', qr/connection was lost$/);
bad('moved', qr/status 302$/);
bad('negative', qr/not HTTP$/);
bad('two-bodies', qr/lacks "issuer"$/);
bad('not-json', qr/not valid JSON$/);
bad('refused', qr/cannot be reached$/);
bad('unknown', qr/cannot be resolved$/);
bad('other-name', qr/certificate is for another name$/);
bad('other-address', qr/certificate is for another name$/);
bad('self-signed', qr/certificate is not trusted$/);
bad('tls-to-plain', qr/TLS handshake failed$/);
bad('user', qr/names a user$/);
bad('scheme', qr/not https$/);

bad($_, qr/address is private$/, '/strict') for sort keys %private;

# A client that goes away takes its fetch along, and others do not wait.

my $gone = $c->send_raw("GET /api/v1/auth/social/never/start HTTP/1.1\r\n"
                        . "Host: x\r\n\r\n");
sleep 0.1;
close $gone;
my $began = time;
is($c->get('/.well-known/jwks.json')->status, 200, 'the worker goes on');
cmp_ok(time - $began, '<', 1, 'at once');

my @many = $c->all(map { [GET => '/api/v1/auth/social/never/start'] } 1 .. 20);
is(scalar(grep { $_->status == 502 } @many), 20, 'many wait side by side');

$t->nginx->reload;
good('good-name');

$t->expect(qr/carmen: fetching|carmen: discovery|SSL_do_handshake/);
done_testing;
