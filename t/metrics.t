# /metrics: right form, right numbers, through reloads and deaths.

use Carmen::Test;
use IPC::Open2;

my @built = Carmen::Nginx::built();
plan skip_all => 'the catalog is not built' if !grep { $_ eq 'catalog' } @built;

my @some = grep { /^(?:core|auth|users|catalog)$/ } @built;
my $t = Carmen::Test->new(domains => \@some,
    lanes => 'fast=2 write=2 lease=1 queue=64');


# A strict parser of the text format 0.0.4.  Returns the series, by name and
# labels as they stand; dies of what Prometheus would stumble over.

sub parse
{
    my ($text) = @_;
    my (%series, %type, %help, %done, %seen_labels, $family);

    die "does not end with a line feed\n" if $text !~ /\n\z/;
    my $name = qr/[a-zA-Z_:][a-zA-Z0-9_:]*/;
    my $label = qr/[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"/;

    for my $line (split /\n/, $text) {
        if ($line =~ /^# HELP ($name) (?:[^\\]|\\[\\n])+$/) {
            die "$1: a second HELP\n" if $help{$1}++;
            die "$1: not together\n" if $done{$1};
            $done{$family} = 1 if defined $family;
            $family = $1;
            next;
        }
        if ($line =~ /^# TYPE ($name) (counter|gauge|histogram)$/) {
            die "$1: a second TYPE\n" if $type{$1};
            die "$1: TYPE without its HELP\n" if $1 ne $family;
            $type{$1} = $2;
            next;
        }
        $line =~ /^($name)(?:\{($label(?:,$label)*)\})? (-?[0-9.]+|\+Inf)$/
            or die "not a sample: $line\n";
        my ($sample, $labels, $value) = ($1, $2 // '', $3);
        my $base = $sample;
        $base =~ s/_(?:bucket|sum|count)$// if ($type{$family} // '')
            eq 'histogram';
        die "$sample: outside of its family\n" if $base ne $family;
        die "$sample: no TYPE\n" if !$type{$family};
        die "$sample: a negative counter\n"
            if $type{$family} eq 'counter' && $value < 0;
        die "$sample: a counter without _total\n"
            if $type{$family} eq 'counter' && $sample !~ /_total$/;
        die "$line: twice\n" if exists $series{"$sample\{$labels}"};
        $series{"$sample\{$labels}"} = $value;
    }

    # Histograms: cumulative, +Inf is the count.
    my %last;
    for my $line (grep { /_bucket\{/ } split /\n/, $text) {
        my ($who, $le, $n) = $line =~ /^(.*),le="([^"]+)"\} (\d+)$/
            or die "not a bucket: $line\n";
        my $bound = $le eq '+Inf' ? 9e99 : $le;
        my $before = $last{$who} // [-1, 0];
        die "$line: bounds do not rise\n" if $bound <= $before->[0];
        die "$line: not cumulative\n" if $n < $before->[1];
        $last{$who} = [$bound, $n];
    }
    for my $who (keys %last) {
        (my $count = $who) =~ s/_bucket\{/_count{/;
        die "$who: no +Inf\n" if $last{$who}[0] < 9e99;
        die "$who: +Inf is not the count\n"
            if $series{"$count}"} != $last{$who}[1];
        (my $sum = $who) =~ s/_bucket\{/_sum{/;
        die "$who: no sum\n" if !defined $series{"$sum}"};
    }
    return \%series;
}

sub text { $t->client->get('/metrics')->body }
sub now { return parse(text()) }

sub requests
{
    my ($series, $route, $status) = @_;
    return $series->{"carmen_http_requests_total{method=\"GET\","
        . "route=\"$route\",status=\"$status\"}"} // 0;
}

sub latencies
{
    my ($series, $route) = @_;
    return $series->{'carmen_http_request_duration_seconds_count'
        . "{method=\"GET\",route=\"$route\"}"} // 0;
}

sub sum
{
    my ($series, $pattern) = @_;
    my $sum = 0;
    $sum += $series->{$_} for grep { /$pattern/ } keys %$series;
    return $sum;
}

# The form.

my $c = $t->client;
my $r = $c->get('/metrics');
is($r->status, 200, 'a scrape');
is($r->header('content-type'), 'text/plain; version=0.0.4; charset=utf-8',
    'the media type');
is($r->header('cache-control'), 'no-store', 'not to be kept');
ok(eval { parse($r->body) }, 'the form') or diag($@);
problem_is($c->post('/metrics', json => {}), 405, 'method-not-allowed');
is($c->head('/metrics')->status, 200, 'HEAD');

# The parser sees what it should.

for (['twice', sub { s/^(carmen_workers .*\n)/$1$1/mr }],
     ['no line feed', sub { s/\n\z//r }],
     ['a label that does not end', sub { s/lane="fast"/lane="fast/r }],
     ['a counter below 0', sub { s/(_statements_total\{[^}]*\}) \d+/$1 -1/r }],
     ['no type', sub { s/^# TYPE carmen_workers .*\n//mr }]) {
    my ($what, $spoil) = @$_;
    local $_ = $r->body;
    my $spoilt = $spoil->();
    ok($spoilt ne $r->body && !eval { parse($spoilt) },
        "the parser does not take: $what");
}

SKIP: {
    my ($promtool) = grep { -x } map { "$_/promtool" } split /:/, $ENV{PATH};
    skip 'promtool is not installed', 1 if !$promtool;

    my $pid = open2(my $out, my $in, "$promtool check metrics 2>&1");
    print $in $r->body;
    close $in;
    my $said = join '', <$out>;
    waitpid $pid, 0;
    ok($? == 0, 'promtool agrees') or diag($said);
}

# The numbers: the pattern is the label, never the path.

my $route = '/products/{productId}';
my $before = now();
my @ids = map { sprintf '00000000-0000-7000-8000-%012x', $_ } 1 .. 40;
$c->all(map { [GET => "/api/v1/products/$_"] } @ids);
$c->get('/api/v1/no/such/path-of-ours');
my $after = wait_until {
    my $s = now();
    requests($s, $route, 401) >= requests($before, $route, 401) + 40 && $s;
} 'the requests were counted';

is(requests($after, $route, 401) - requests($before, $route, 401), 40,
    'each request once, by route and status');
is(latencies($after, $route) - latencies($before, $route), 40,
    'and its latency');
unlike(text(), qr/path-of-ours|00000000-0000/, 'no path became a label');
is($after->{'carmen_http_requests_total{method="any",route="unmatched",'
    . 'status="404"}'} // 0, 1, 'what matched no route is counted as that');

my $many = 1000;
$before = now();
for (1 .. $many / 100) {
    $c->all(map { [GET => "/api/v1/products/$ids[$_ % 40]"] } 1 .. 100);
}
$after = wait_until {
    my $s = now();
    requests($s, $route, 401) >= requests($before, $route, 401) + $many && $s;
} 'many at once were counted';
is(requests($after, $route, 401) - requests($before, $route, 401), $many,
    'none was lost between the workers');

# The lanes.

wait_until { sum(now(), qr/^carmen_postgres_connections\{/) == 12 }
    'two workers have six connections each';
is(sum(now(), qr/^carmen_postgres_in_flight\{/), 0, 'nothing is in flight');
is(sum(now(), qr/^carmen_postgres_queued\{/), 0, 'nothing waits');
is(now()->{'carmen_workers{}'}, 2, 'two workers');

my $login = grep { $_ eq 'auth' } @some;
if ($login) {
    my $client = $t->client(sub => 'u1', scope => 'catalog:read');
    $before = now();
    $client->get("/api/v1/products/$_") for @ids;
    $after = now();
    my $sent = sum($after, qr/^carmen_postgres_statements_total\{/)
        - sum($before, qr/^carmen_postgres_statements_total\{/);
    cmp_ok($sent, '>=', 40, 'statements are counted');
}

# A reload keeps what was counted.

my $kept = requests(now(), $route, 401);
$t->nginx->reload;
wait_until { now()->{'carmen_workers{}'} == 2 } 'the old workers are gone';
is(requests(now(), $route, 401), $kept, 'a reload keeps the counts');

# A route that goes and comes back finds its counts again; others are not
# disturbed.

$t->nginx->{domains} = [grep { $_ ne 'catalog' } @some];
$t->nginx->reload;
wait_until { now()->{'carmen_workers{}'} == 2 } 'reloaded without the catalog';
unlike(text(), qr/\Q$route\E/, 'a route that is not loaded is not shown');
is(now()->{'carmen_http_requests_total{method="any",route="unmatched",'
    . 'status="404"}'}, 1, 'the others are');
$t->nginx->{domains} = \@some;
$t->nginx->reload;
wait_until { now()->{'carmen_workers{}'} == 2 } 'reloaded with the catalog';
is(requests(now(), $route, 401), $kept, 'it finds its counts again');

# More series than the zone had room for: a larger zone takes the counts.

$t->nginx->{upstream} = $t->nginx->upstream . join '', map {
    "upstream other$_ { server unix:" . $t->cluster->socket . ";"
    . ' carmen_postgres "dbname=' . $t->database->name
    . ' user=carmen_app" fast=1 write=1 lease=1 queue=8; }' . "\n"
} 1 .. 8;
$t->nginx->reload;
wait_until { now()->{'carmen_workers{}'} == 2 } 'reloaded with more upstreams';
is(requests(now(), $route, 401), $kept, 'a larger zone took the counts');
ok(exists now()->{'carmen_postgres_connections{upstream="other8",'
    . 'lane="fast"}'}, 'and has the new series');
ok(eval { parse(text()) }, 'the form still holds') or diag($@);
for (1 .. 3) {
    $t->nginx->reload;
    wait_until { now()->{'carmen_workers{}'} == 2 } 'reloaded once more';
}
is(requests(now(), $route, 401), $kept, 'and keeps them from then on');

# A configuration that is refused changes nothing.

$t->nginx->{main} = 'no_such_directive on;';
$t->nginx->write_conf;
kill 'HUP', $t->nginx->master;
wait_until { $t->nginx->log =~ /unknown directive "no_such_directive"/ }
    'a bad configuration is refused';
$t->expect(qr/unknown directive "no_such_directive"/);
$t->nginx->{main} = '';
$t->nginx->write_conf;
is(requests(now(), $route, 401), $kept, 'and the counts go on');

# A worker that is killed takes its gauges along, not its counts.

my $connections = sum(now(), qr/^carmen_postgres_connections\{/);
my ($victim) = $t->nginx->workers;
kill 'KILL', $victim;
$t->expect(qr/worker process \d+ exited on signal 9/);
wait_until { my @w = $t->nginx->workers; @w == 2 && $w[0] != $victim }
    'a new worker';
wait_until { sum(now(), qr/^carmen_postgres_connections\{/) == $connections }
    'the gauges are those of the living';
is(now()->{'carmen_workers{}'}, 2, 'two workers');
is(requests(now(), $route, 401), $kept, 'the counts are those of all');

done_testing;
