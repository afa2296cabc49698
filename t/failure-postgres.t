# run: alone
# PostgreSQL dies and comes back under load: clients get a quick 503 or a
# right answer, nothing is made twice or lost, and nobody helps.

use Carmen::Load;
use Carmen::Test;
use Time::HiRes qw(sleep time);

my $t = Carmen::Test->new(
    private => 1,
    settings => ['synchronous_commit = on', 'full_page_writes = on'],
    lanes => 'fast=2 write=2 lease=1 queue=256 connect_timeout=2s',
);
my $pg = $t->cluster;
$t->expect(qr/connect\(\) to unix:|\[crit\].*(?:No such file|refused)/);

my $scope = 'catalog:read catalog:write';
my $c = $t->client(scope => $scope);
my $brand = $c->post('/api/v1/brands', json => { name => 'Fixed' },
                     key => 'fixed')->json;
my $path = "/api/v1/brands/$brand->{brandId}";
is($c->get($path)->json->{name}, 'Fixed', 'a brand to read');

# Reads are compared with what they must be; writes are repeated with their
# key until they are answered.

sub readers
{
    return Carmen::Load->start($t, 3, sub {
        my ($client) = @_;
        my $r = $client->get($path);
        return $r->json->{name} eq 'Fixed' ? 'right' : 'wrong'
            if $r->status == 200;
        return 'no Retry-After' if $r->status == 503
            && ($r->header('retry-after') // '') !~ /^\d+$/;
        return 'no problem' if ($r->header('content-type') // '')
            !~ m{^application/problem\+json};
        return $r->status;
    }, scope => $scope);
}

sub writers
{
    my ($run) = @_;
    return Carmen::Load->start($t, 2, sub {
        my ($client, $n) = @_;
        my $name = "$run-$n";
        for my $try (1 .. 200) {
            my $r = $client->post('/api/v1/brands', json => { name => $name },
                                  key => $name);
            return "made $name" if $r->status == 201;
            return "refused $name " . $r->status . ' ' . $r->body
                if $r->status != 503 && $r->status != 409
                   && $r->status != 504;
            sleep 0.05;
        }
        return "gave up $name";
    }, scope => $scope);
}

sub judge
{
    my ($name, $reads, $writes) = @_;
    my (%count, @slow, @made);

    for (@$reads) {
        $count{ $_->[2] }++;
        push @slow, $_ if $_->[1] > 6;
    }
    my @odd = grep { !/^(?:right|503|504)$/ } keys %count;
    is("@odd", '', "$name: every read is right or refused") or diag(@odd);
    ok($count{right}, "$name: " . join ', ', map { "$count{$_} $_" }
       sort keys %count);
    is(scalar @slow, 0, "$name: nobody waits long");

    my @bad = grep { $_->[2] !~ /^made / } @$writes;
    is(scalar @bad, 0, "$name: every write is answered in the end")
        or diag(map { "$_->[2]\n" } @bad[0 .. ($#bad > 4 ? 4 : $#bad)]);

    my @names = map { $_->[2] =~ /^made (\S+)/ } @$writes;
    is($t->sql('SELECT count(*) FROM catalog.brand WHERE name = ANY (?)',
               \@names), scalar @names,
       "$name: all " . @names . ' are there');
    is($t->sql(q{SELECT count(*) FROM (SELECT data->>'name' FROM core.event
        WHERE data->>'name' = ANY (?) GROUP BY 1 HAVING count(*) > 1) d},
        \@names), 0, "$name: with one event each");
}

sub breaking
{
    my ($name, $break) = @_;
    my ($readers, $writers) = (readers(), writers($name =~ tr/ /-/r));

    wait_until { $readers->read > 100 } "$name: the load runs";
    $break->();
    wait_until { $c->get('/health/ready')->status == 200 }
        "$name: ready again by itself", 20;
    wait_until { $c->get($path)->status == 200 } "$name: reads again";
    my $before = $readers->read;
    wait_until { $readers->read > $before + 50 } "$name: the load goes on";

    my @writes = $writers->stop;
    judge($name, [$readers->stop], \@writes);
}

breaking('one backend terminated', sub {
    $t->sql(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE usename = 'carmen_app' LIMIT 1});
});

breaking('every backend terminated', sub {
    $t->sql(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE usename = 'carmen_app'});
});

breaking('a backend killed', sub {
    my $pid = $t->sql(q{SELECT pid FROM pg_stat_activity
        WHERE usename = 'carmen_app' LIMIT 1});
    kill 'KILL', $pid;
});

breaking('immediate stop and start', sub {
    $pg->stop('immediate');

    wait_until { $c->get($path)->status == 503 } 'down is told';
    my $start = time;
    my $members = problem_is($c->get($path), 503, 'database-unavailable');
    cmp_ok(time - $start, '<', 1, 'at once');
    problem_is($c->post('/api/v1/brands', json => { name => 'Down' },
               key => 'down'), 503, 'database-unavailable');
    is($c->get('/health/live')->status, 200, 'nginx lives');
    is($c->get('/health/ready')->status, 503, 'but is not ready');

    $pg->start;
});

breaking('the whole server killed', sub {
    $pg->crash;
    wait_until { $c->get($path)->status == 503 } 'down is told';
    $pg->start;
});

is(scalar $t->nginx->workers, 2, 'no worker was lost');

done_testing;
