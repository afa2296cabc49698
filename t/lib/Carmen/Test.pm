package Carmen::Test;

# What a test of Carmen over HTTP needs, in one line:
#
#   use Carmen::Test;
#
#   my $t = Carmen::Test->new;        a database of its own and nginx over it
#   my $c = $t->client(scope => 'catalog:read', sub => 'u1');
#   my $r = $c->get('/api/v1/products');
#   is($r->status, 200);
#   problem_is($c->get('/api/v1/products/x'), 404, 'not-found');
#   is($t->sql('SELECT count(*) FROM catalog.product'), 0);
#   done_testing;
#
# new(...) takes what Carmen::Nginx->new takes, and
#   domains  => [...]   the core and these only (modules and schemas)
#   private  => 1       a PostgreSQL of its own, to be killed
#   settings => [...]   lines for that one's postgresql.conf
#   no_database => 1, no_start => 1
#
# $t->nginx, $t->database, $t->cluster, $t->keys, $t->port
# $t->token(sub =>, scope =>, tenant =>, ...)   see Carmen::Token
# $t->client(...)   Carmen::Http with a token of these claims; no arguments:
#                   anonymous
# $t->sql, $t->row, $t->rows, $t->psql          as superuser
#
# Exported: all of Test::More, problem_is, json_is, list_all, wait_until,
# uuid_ok, to_json, from_json, plan_sanitized.
#
# When the test ends, nginx is stopped and the error log must hold no alert
# and no sanitizer's report ($t->expect(qr/.../) names the ones it causes).

use strict;
use warnings;

use parent qw(Exporter);
use JSON::PP ();
use Scalar::Util qw(weaken);
use Test::More;
use Time::HiRes qw(sleep time);

use Carmen::Cluster;
use Carmen::Http;
use Carmen::Json qw(to_json from_json);
use Carmen::Nginx;
use Carmen::Token;

our @EXPORT = qw(problem_is json_is list_all wait_until uuid_ok to_json
    from_json plan_sanitized);

my @tests;


sub import
{
    my ($class) = @_;
    strict->import;
    warnings->import;
    Test::More->export_to_level(1);
    $class->export_to_level(1, $class, @EXPORT);
    binmode $_, ':encoding(UTF-8)' for Test::More->builder->output,
        Test::More->builder->failure_output, Test::More->builder->todo_output;
}


sub new
{
    my ($class, %with) = @_;
    my $self = bless { pid => $$ }, $class;

    if (!$with{no_database}) {
        my $cluster = $with{private}
            ? Carmen::Cluster->private(settings => $with{settings})
            : Carmen::Cluster->shared;
        $self->{database} = $with{database}
            // $cluster->database(domains => $with{domains});
    }

    my $nginx = Carmen::Nginx->new(%with, database => $self->{database});
    $self->{nginx} = $nginx;
    $self->{keys} = $nginx->{keys} //= Carmen::Token->new($nginx->dir);

    push @tests, $self;
    $nginx->start if !$with{no_start};
    return $self;
}


sub nginx { $_[0]{nginx} }
sub database { $_[0]{database} }
sub cluster { $_[0]{database}{cluster} }
sub keys { $_[0]{keys} }
sub port { $_[0]{nginx}->port }

sub sql { my $self = shift; return $self->{database}->sql(@_) }
sub row { my $self = shift; return $self->{database}->row(@_) }
sub rows { my $self = shift; return $self->{database}->rows(@_) }
sub psql { my $self = shift; return $self->{database}->psql(@_) }
sub token { my $self = shift; return $self->{keys}->token(@_) }
sub expect { my $self = shift; $self->{nginx}->expect(@_); return $self }


sub client
{
    my ($self, %claims) = @_;
    return Carmen::Http->new(
        port => $self->port,
        token => %claims ? $self->token(%claims) : undef,
        timeout => $Carmen::Nginx::SANITIZED ? 60 : 30,
    );
}


# Stops nginx and judges its log; done by itself at the end of the test.

sub finish
{
    my ($self) = @_;
    return if $self->{finished}++ || $self->{pid} != $$;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $nginx = $self->{nginx};
    $nginx->stop;
    my @bad = $nginx->complaints;
    if (@bad) {
        splice @bad, 40 if @bad > 40;
        fail('the error log is clean');
        diag($_) for @bad;
    }

    $self->{database}->drop
        if $self->{database} && !$self->{database}{cluster}{private};
    $nginx->clean;
}


# The plan is printed after the log was judged.

{
    no warnings 'redefine';
    my $done = \&Test::More::done_testing;

    sub finish_all
    {
        $_->finish for grep { $_->{pid} == $$ } @tests;
        $done->(@_);
    }
    *Test::More::done_testing = \&finish_all;
}


# RFC 9457: the media type, the status twice, the name of the type, a title.
# Returns the members.

sub problem_is
{
    my ($response, $status, $problem, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $name //= ($response ? $response->{request} // 'request' : 'request')
        . ": $status $problem";

    if (!$response) {
        fail($name);
        diag('no answer at all');
        return {};
    }

    my @wrong;
    my $body = eval { $response->json };
    my $type = $response->header('content-type') // '';

    push @wrong, "status $response->{status}" if $response->status != $status;
    push @wrong, "content type \"$type\""
        if $type !~ m{^application/problem\+json(?:;|$)};
    if (ref $body eq 'HASH') {
        push @wrong, "type \"" . ($body->{type} // '') . '"'
            if ($body->{type} // '') !~ m{(?:^|/)\Q$problem\E$};
        push @wrong, 'status member ' . ($body->{status} // 'missing')
            if ($body->{status} // 0) != $status;
        push @wrong, 'no title' if !length($body->{title} // '');
        push @wrong, 'no instance' if !length($body->{instance} // '');
    } else {
        push @wrong, 'not a JSON object';
    }

    ok(!@wrong, $name) or diag(join(', ', @wrong) . "\n"
        . $response->head . substr $response->body, 0, 1000);
    return ref $body eq 'HASH' ? $body : {};
}


# Status and body at once; in the body only the given members are compared.

sub json_is
{
    my ($response, $status, $members, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $name //= ($response->{request} // 'request') . ": $status";

    my $body = eval { $response->json };
    my @wrong = difference($members, $body, '');
    unshift @wrong, 'status ' . $response->status
        if $response->status != $status;

    ok(!@wrong, $name) or diag(join("\n", @wrong) . "\n"
        . $response->head . substr $response->body, 0, 1000);
    return $body;
}


sub difference
{
    my ($want, $got, $at) = @_;

    return if !defined $want && !defined $got;
    return "$at: missing, not " . to_json($want) if !defined $got;
    return "$at: " . to_json($got) . ', not null' if !defined $want;
    if (ref $want eq 'Regexp') {
        return $got =~ $want ? () : "$at: $got does not match $want";
    }
    if (ref $want eq 'HASH') {
        return "$at: no object" if ref $got ne 'HASH';
        return map { difference($want->{$_}, $got->{$_}, "$at/$_") }
            sort { $a cmp $b } CORE::keys(%$want);
    }
    if (ref $want eq 'ARRAY') {
        return "$at: no array" if ref $got ne 'ARRAY';
        return "$at: " . @$got . ' elements, not ' . @$want
            if @$got != @$want;
        return map { difference($want->[$_], $got->[$_], "$at/$_") }
            0 .. $#$want;
    }
    if (ref $want && JSON::PP::is_bool($want)) {
        return !!$want eq !!$got ? () : "$at: $got";
    }
    return "$got" eq "$want" ? () : "$at: $got, not $want";
}


# Follows Link: rel="next" from the first page to the last.

sub list_all
{
    my ($client, $path) = @_;
    my @items;
    my $pages = 0;

    while (defined $path) {
        my $response = $client->get($path);
        die "GET $path: " . $response->status . ' ' . $response->body
            if $response->status != 200;
        push @items, @{ $response->json->{items} };
        ($path) = ($response->header('link') // '')
            =~ /<([^>]*)>;\s*rel="?next"?/;
        die 'more than 10000 pages' if ++$pages > 10000;
    }
    return wantarray ? @items : \@items;
}


# Polls until the block is true; fails the test when it never is.  With a name
# it is a test of its own.

sub wait_until(&;$$)
{
    my ($block, $name, $seconds) = @_;
    my $deadline = time + ($seconds // 15)
        * ($Carmen::Nginx::SANITIZED ? 4 : 1);

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    while (1) {
        my $value = $block->();
        if ($value) {
            pass($name) if defined $name;
            return $value;
        }
        last if time > $deadline;
        sleep 0.02;
    }

    fail($name // 'a condition became true in time');
    return;
}


sub uuid_ok
{
    my ($value, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return like($value // '', qr/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}
        -[89ab][0-9a-f]{3}-[0-9a-f]{12}$/x, $name // 'a version 7 UUID');
}


# For tests that the sanitizers' slowness would make meaningless.

sub plan_sanitized
{
    my ($reason) = @_;
    Test::More::plan(skip_all => $reason // 'measures time or memory')
        if $Carmen::Nginx::SANITIZED;
}


END {
    local ($!, $@);
    my $status = $?;
    for my $test (grep { $_->{pid} == $$ && !$_->{finished} } @tests) {
        $test->finish;
    }
    $? = $status;
}


1;
