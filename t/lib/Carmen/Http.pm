package Carmen::Http;

# A small HTTP/1.1 client: keep-alive, raw bytes, many requests at once.
#
#   my $c = Carmen::Http->new(port => 1234, token => $jwt);
#   my $r = $c->get('/api/v1/products?limit=2');
#   $c->post('/api/v1/orders', json => {...}, key => 'k1');     Idempotency-Key
#   $c->patch($path, json => {...}, match => 3);                If-Match: "3"
#   $r->status, $r->header('etag'), $r->body, $r->json, $r->elapsed
#
#   my @r = $c->all([GET => '/a'], [POST => '/b', json => {}]);  one
#       connection each, all sent before the first answer is read
#   my @r = $c->pipeline([...], [...]);    on one connection
#
#   my $r = $c->raw("GET / HTTP/1.0\r\n\r\n");   bytes as they are; undef
#       when the server closes without an answer
#   my $s = $c->send_raw($bytes);                for clients that go away
#   $c->with(token => undef, tenant => ...)      a copy with other settings
#
# A request dies when no answer comes within timeout (30 s).

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use Socket qw(IPPROTO_TCP TCP_NODELAY SOL_SOCKET SO_LINGER MSG_NOSIGNAL);
use Time::HiRes qw(time);

use Carmen::Json qw(to_json);


sub new
{
    my ($class, %self) = @_;
    return bless {
        host => '127.0.0.1', timeout => 30, headers => [], %self,
        socket => undef,
    }, $class;
}


sub with
{
    my ($self, %other) = @_;
    return ref($self)->new(%$self, %other);
}


for my $method (qw(get head options delete post put patch)) {
    no strict 'refs';
    *$method = sub {
        my ($self, $path, %with) = @_;
        return $self->request(uc $method, $path, %with);
    };
}


sub connect
{
    my ($self) = @_;
    my $socket = IO::Socket::INET->new(
        PeerHost => $self->{host}, PeerPort => $self->{port},
        Proto => 'tcp', Timeout => $self->{timeout},
    ) or die "connect to $self->{host}:$self->{port}: $@\n";

    binmode $socket;
    setsockopt $socket, IPPROTO_TCP, TCP_NODELAY, 1;
    return $socket;
}


sub close
{
    my ($self) = @_;
    undef $self->{socket};
}


# with: json or body, headers (hash or list), token, key, match, none_match,
# type, close.  A header given as undef is left out.

sub format
{
    my ($self, $method, $path, %with) = @_;
    my @given = ref $with{headers} eq 'HASH' ? %{ $with{headers} }
                                             : @{ $with{headers} // [] };
    my @common = ref $self->{headers} eq 'HASH' ? %{ $self->{headers} }
                                                : @{ $self->{headers} };
    my $token = exists $with{token} ? $with{token} : $self->{token};
    my $body = $with{body};
    my @headers;

    $body = to_json($with{json}) if exists $with{json};

    push @headers, Host => $self->{host_name} // 'localhost';
    push @headers, Authorization => "Bearer $token" if defined $token;
    push @headers, 'Content-Type' => $with{type} // 'application/json'
        if defined $body;
    push @headers, 'Content-Length' => length $body if defined $body;
    push @headers, 'Idempotency-Key' => $with{key} if defined $with{key};
    push @headers, 'If-Match' => etag($with{match}) if defined $with{match};
    push @headers, 'If-None-Match' => etag($with{none_match})
        if defined $with{none_match};
    push @headers, Connection => 'close' if $with{close};

    my %replaced;
    my @extra = (@common, @given);
    for (my $i = 0; $i < @extra; $i += 2) {
        $replaced{ lc $extra[$i] } = 1;
    }

    my $text = "$method $path HTTP/1.1\r\n";
    for (my $i = 0; $i < @headers; $i += 2) {
        next if $replaced{ lc $headers[$i] };
        $text .= "$headers[$i]: $headers[$i + 1]\r\n";
    }
    for (my $i = 0; $i < @extra; $i += 2) {
        next if !defined $extra[$i + 1];
        $text .= "$extra[$i]: $extra[$i + 1]\r\n";
    }

    return "$text\r\n" . ($body // '');
}


# 3 and '"3"' alike.

sub etag
{
    my ($value) = @_;
    return $value =~ /^\w+$/ ? qq{"$value"} : $value;
}


sub request
{
    my ($self, $method, $path, %with) = @_;
    my $bytes = $self->format($method, $path, %with);
    my $start = time;

    # A kept connection may have been closed by the server meanwhile.
    for my $try (1, 2) {
        my $fresh = !$self->{socket};
        my $socket = $self->{socket} //= $self->connect;
        my $response;

        if (write_all($socket, $bytes)) {
            my $reader = Carmen::Http::Reader->new($socket, $method);
            $response = $reader->wait($start + $self->{timeout});
        }

        if ($response) {
            $response->{elapsed} = time - $start;
            $response->{request} = "$method $path";
            undef $self->{socket} if $response->{close};
            return $response;
        }

        undef $self->{socket};
        die "$method $path: the server closed the connection"
            . " without an answer\n" if $fresh;
    }
}


sub write_all
{
    my ($socket, $bytes) = @_;
    my $done = 0;

    while ($done < length $bytes) {
        my $sent = send $socket, substr($bytes, $done, 65536), MSG_NOSIGNAL;
        return 0 if !defined $sent;
        $done += $sent;
    }
    return 1;
}


sub send_raw
{
    my ($self, $bytes) = @_;
    my $socket = $self->connect;
    write_all($socket, $bytes);
    return $socket;
}


# The reset that a crashed or impatient client causes.

sub abort
{
    my ($self, $socket) = @_;
    setsockopt $socket, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
    CORE::close $socket;
}


sub raw
{
    my ($self, $bytes, $method) = @_;
    my $socket = $self->send_raw($bytes);
    ($method) = $bytes =~ /^(\S+)/ if !$method;
    return Carmen::Http::Reader->new($socket, $method // 'GET')
        ->wait(time + $self->{timeout});
}


sub pipeline
{
    my ($self, @requests) = @_;
    my $socket = $self->connect;
    my $rest = '';
    my @responses;

    write_all($socket, join '', map { $self->format(@$_) } @requests);

    for my $request (@requests) {
        my $reader = Carmen::Http::Reader->new($socket, $request->[0], $rest);
        push @responses, $reader->wait(time + $self->{timeout});
        $rest = $reader->{data};
    }
    return @responses;
}


# Answers in the order of the requests; undef where the server closed.

sub all
{
    my ($self, @requests) = @_;
    my $select = IO::Select->new;
    my (@readers, %reader);

    for my $request (@requests) {
        my $socket = $self->connect;
        my $reader = Carmen::Http::Reader->new($socket, $request->[0]);
        push @readers, $reader;
        $reader{ fileno $socket } = $reader;
        $select->add($socket);
    }

    for my $i (0 .. $#requests) {
        $readers[$i]{start} = time;
        write_all($readers[$i]{socket}, $self->format(@{ $requests[$i] }));
    }

    my $deadline = time + $self->{timeout};
    while ($select->count) {
        my $left = $deadline - time;
        die "no answer within $self->{timeout} s\n" if $left <= 0;

        for my $socket ($select->can_read($left)) {
            my $reader = $reader{ fileno $socket };
            next if !$reader->read;
            $select->remove($socket);
            $reader->{response}{elapsed} = time - $reader->{start}
                if $reader->{response};
        }
    }

    return map { $_->{response} } @readers;
}


package Carmen::Http::Reader;

use Time::HiRes ();


sub new
{
    my ($class, $socket, $method, $data) = @_;
    return bless {
        socket => $socket, method => $method, data => $data // '',
    }, $class;
}


# Returns true when the answer is complete or will never come.

sub read
{
    my ($self) = @_;
    my $n = sysread $self->{socket}, $self->{data}, 262144,
        length $self->{data};

    $self->{end} = 1 if !$n;
    return $self->parse || $self->{end};
}


sub wait
{
    my ($self, $deadline) = @_;

    while (!$self->parse) {
        return if $self->{end};

        my $left = $deadline - Time::HiRes::time();
        my $ready = '';
        vec($ready, fileno $self->{socket}, 1) = 1;
        die "no answer in time\n"
            if $left <= 0 || !select $ready, undef, undef, $left;
        $self->read;
    }
    return $self->{response};
}


sub parse
{
    my ($self) = @_;
    my $response = $self->{partial};

    return 1 if $self->{response};

    while (!$response) {
        my $end = index $self->{data}, "\r\n\r\n";
        return 0 if $end < 0;

        my $head = substr $self->{data}, 0, $end + 4, '';
        my ($first, @lines) = split /\r\n/, $head;
        my ($version, $status, $reason)
            = $first =~ m{^HTTP/(\d\.\d) (\d{3})(?: (.*))?$}
            or die "malformed answer: $first\n";
        next if $status < 200 && $status != 101;

        $response = bless { status => $status, reason => $reason,
            version => $version, headers => {}, body => '', head => $head,
        }, 'Carmen::Http::Response';

        for my $line (@lines) {
            my ($name, $value) = $line =~ /^([^:\s]+):[ \t]*(.*?)[ \t]*$/
                or die "malformed header: $line\n";
            push @{ $response->{headers}{ lc $name } }, $value;
        }

        my $connection = $response->header('connection') // '';
        $response->{close} = $connection =~ /close/i
            || $version eq '1.0' && $connection !~ /keep-alive/i;

        $self->{length} = $response->header('content-length');
        $self->{chunked}
            = ($response->header('transfer-encoding') // '') =~ /chunked/i;
        $self->{length} = 0 if $self->{method} eq 'HEAD'
            || $status == 204 || $status == 304;
        $self->{chunked} = 0 if defined $self->{length};
        $self->{partial} = $response;
    }

    if ($self->{chunked}) {
        while ($self->{data} =~ /^([0-9A-Fa-f]+)[^\r\n]*\r\n/) {
            my ($size, $skip) = (hex $1, $+[0]);
            return 0 if length $self->{data} < $skip + $size + 2;
            $response->{body} .= substr $self->{data}, $skip, $size;
            substr($self->{data}, 0, $skip + $size + 2) = '';
            next if $size;
            $response->{complete} = 1;
            $self->{response} = $response;
            return 1;
        }
    } elsif (defined $self->{length}) {
        if (length $self->{data} >= $self->{length}) {
            $response->{body} = substr $self->{data}, 0, $self->{length}, '';
            $response->{complete} = 1;
            $self->{response} = $response;
            return 1;
        }
    } elsif ($self->{end}) {
        $response->{body} = $self->{data};
        $response->{complete} = $response->{close} = 1;
        $self->{response} = $response;
        return 1;
    }

    if ($self->{end}) {
        # Cut off in the middle: complete stays false.
        $response->{body} .= $self->{data};
        $response->{close} = 1;
        $self->{response} = $response;
        return 1;
    }
    return 0;
}


package Carmen::Http::Response;

use Carmen::Json ();


sub status { $_[0]{status} }
sub reason { $_[0]{reason} }
sub body { $_[0]{body} }
sub head { $_[0]{head} }
sub elapsed { $_[0]{elapsed} }
sub complete { $_[0]{complete} }


# All lines of the name, joined as RFC 9110 section 5.3 allows; headers: each.

sub header
{
    my ($self, $name) = @_;
    my $values = $self->{headers}{ lc $name } or return;
    return join ', ', @$values;
}


sub headers
{
    my ($self, $name) = @_;
    return @{ $self->{headers}{ lc $name } // [] };
}


sub json
{
    my ($self) = @_;
    return $self->{json} //= Carmen::Json::from_json($self->{body});
}


# The version within the entity tag.

sub version
{
    my ($self) = @_;
    return ($self->header('etag') // '') =~ /^"(\d+)"$/ ? $1 : undef;
}


1;
