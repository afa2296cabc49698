# run: alone
# Slow statements, full queues, waiting for locks, clients that go away:
# whoever is not concerned notices nothing.

use Carmen::Test;
use Time::HiRes qw(sleep time);

my $t = Carmen::Test->new(
    workers => 1,
    lanes => 'fast=1 write=2 lease=1 queue=8 queue_timeout=2s'
        . ' fast_timeout=2s write_timeout=1s lock_timeout=500ms',
);
my $scope = 'catalog:read catalog:write';
my $c = $t->client(scope => $scope);

sub make
{
    my ($name) = @_;
    return $c->post('/api/v1/brands', json => { name => $name },
                    key => 'k-' . $name =~ tr/ /-/r);
}

my $first = make('First');
is($first->status, 201, 'a brand');
my $path = '/api/v1/brands/' . $first->json->{brandId};

sub running
{
    return $t->sql(q{SELECT count(*) FROM pg_stat_activity
        WHERE usename = 'carmen_app' AND state = 'active'
          AND datname = ?}, $t->database->name);
}

# Brands called Slow take their time.
$t->sql(q{
    CREATE FUNCTION public.dawdle() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.name LIKE 'Slow%' THEN
            PERFORM pg_sleep(substring(NEW.name FROM '[0-9.]+')::float);
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER dawdle BEFORE INSERT ON catalog.brand
        FOR EACH ROW EXECUTE FUNCTION public.dawdle();
});

# A statement over its time.

my $start = time;
problem_is(make('Slow 30'), 504, 'timeout');
my $elapsed = time - $start;
cmp_ok($elapsed, '<', 4, 'a slow statement ends at its limit');
wait_until { running() == 0 } 'and does not run on in PostgreSQL';
is($t->sql(q{SELECT count(*) FROM catalog.brand WHERE name = 'Slow 30'}), 0,
   'and left nothing');

# Others while it runs.

my $slow = $t->client(scope => $scope);
my $socket = $slow->send_raw($slow->format(POST => '/api/v1/brands',
    json => { name => 'Slow 0.8' }, key => 'slow-b'));
wait_until { running() } 'a slow write runs';

my @times = map { $c->get($path)->elapsed } 1 .. 50;
my ($worst) = sort { $b <=> $a } @times;
cmp_ok($worst, '<', 0.3, 'reads go on beside it');
my $quick = make('Quick');
is($quick->status, 201, 'so do writes on the other connection');
my $answer = Carmen::Http::Reader->new($socket, 'POST')->wait(time + 10);
is($answer->status, 201, 'and it ends well');

# Locks.

my $holder = $t->cluster->connect($t->database->name);
$holder->begin_work;
$holder->do('LOCK TABLE catalog.brand IN ACCESS EXCLUSIVE MODE');
my $blocked = $c->get($path);
problem_is($blocked, 503, 'overloaded');
like($blocked->header('retry-after') // '', qr/^\d+$/, 'with Retry-After');
$holder->rollback;
is($c->get($path)->status, 200, 'and free again');

# A full queue: what two connections hold is on its way, eight wait, the rest
# is refused.

$t->sql('ALTER ROLE carmen_app SET lock_timeout = 0');
my @requests = map {
    [POST => '/api/v1/brands', json => { name => "Slow 0.04 $_" },
     key => "full-$_"]
} 1 .. 150;
my @responses = $c->all(@requests);
my %count;
$count{ $_ ? $_->status : 'none' }++ for @responses;
ok($count{503}, 'beyond the queue: ' . join ', ', map { "$count{$_} of $_" }
   sort keys %count);
ok($count{201}, 'within it they are served');
is(join(' ', grep { !/^(?:201|503|504)$/ } keys %count), '', 'nothing else');
for my $response (grep { $_ && $_->status == 503 } @responses) {
    problem_is($response, 503, 'overloaded');
    like($response->header('retry-after') // '', qr/^\d+$/, 'Retry-After');
    cmp_ok($response->elapsed, '<', 4, 'refused in time');
    last;
}
is($t->sql(q{SELECT count(*) FROM catalog.brand WHERE name LIKE 'Slow 0.04 %'}),
   $count{201}, 'what was answered 201 is there, and no more');
wait_until { make('After' . rand)->status == 201 } 'and the queue empties';

# Clients that go away.

sub memory
{
    my ($worker) = $t->nginx->workers;
    my ($kb) = Carmen::Nginx::slurp("/proc/$worker/status") =~ /VmRSS:\s*(\d+)/;
    return $kb;
}

sub abandon
{
    my ($count, $round) = @_;
    my @open;
    for my $i (1 .. $count) {
        push @open, $c->send_raw($c->format(GET => $path));
        push @open, $c->send_raw($c->format(POST => '/api/v1/brands',
            json => { name => "Gone $round-$i" }, key => "gone-$round-$i"));
        push @open, $c->send_raw(substr($c->format(POST => '/api/v1/brands',
            json => { name => "Half $round-$i" }, key => "half-$round-$i"),
            0, -5));
        $c->abort($_) for splice @open;
    }
}

abandon(100, 0);
wait_until { $c->get($path)->status == 200 } 'after clients that went away';
my $before = memory();
abandon(200, $_) for 1 .. 3;
is($c->get($path)->json->{name}, 'First', 'the next answers are right');
my @wrong = grep { $_->json->{name} ne 'First' }
    map { $c->get($path) } 1 .. 100;
is(scalar @wrong, 0, 'and those after them');
wait_until { running() == 0 } 'what they asked for has come to its end';
cmp_ok(memory() - $before, '<', 3000, 'and they left no memory behind')
    if !$Carmen::Nginx::SANITIZED;
is($t->sql(q{SELECT count(*) FROM catalog.brand WHERE name LIKE 'Half %'}), 0,
   'half a request does nothing');
is($t->sql(q{SELECT count(*) FROM (SELECT name FROM catalog.brand
    GROUP BY name HAVING count(*) > 1) d}), 0, 'nothing was made twice');

# In the middle of a long answer.

$t->sql(q{INSERT INTO catalog.brand (tenant, name, description)
    SELECT 'demo', 'Big ' || lpad(i::text, 3, '0'), repeat(md5(i::text), 320)
      FROM generate_series(1, 200) i});
for (1 .. 20) {
    my $s = $c->send_raw($c->format(GET => '/api/v1/brands?limit=200&q=Big'));
    sysread $s, my $some, 1000;
    $c->abort($s);
}
is($c->get($path)->json->{name}, 'First', 'right after clients that left'
   . ' long answers');

done_testing;
