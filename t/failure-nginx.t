# run: alone
# Reload and the death of a worker under load.

use Carmen::Load;
use Carmen::Test;
use Time::HiRes qw(sleep time);

my $t = Carmen::Test->new(lanes => 'fast=1 write=1 lease=1');
my $scope = 'catalog:read catalog:write';
my $c = $t->client(scope => $scope);
my $made = $c->post('/api/v1/brands', json => { name => 'Fixed' },
                    key => 'fixed');
my $path = '/api/v1/brands/' . $made->json->{brandId};

sub load
{
    my ($clients) = @_;
    return Carmen::Load->start($t, $clients // 4, sub {
        my ($client, $n) = @_;
        my $r = $n =~ /0$/
            ? $client->post('/api/v1/brands', json => { name => "L$$-$n" },
                            key => "l$$-$n")
            : $client->get($path);
        return 'right' if $r->status == 201
            || $r->status == 200 && $r->json->{name} eq 'Fixed';
        return $r->status . ' ' . $r->body;
    }, scope => $scope);
}

# Reload, five times over.

my $load = load();
wait_until { $load->read > 100 } 'the load runs';
for my $time (1 .. 5) {
    my $before = $load->read;
    $t->nginx->reload;
    wait_until { $load->read > $before + 100 } "reload $time";
}
my @outcomes = $load->stop;
my @failed = grep { $_->[2] ne 'right' } @outcomes;
is(scalar @failed, 0, 'no request of ' . @outcomes . ' failed on reload')
    or diag(map { "$_->[2]\n" } @failed[0 .. ($#failed > 4 ? 4 : $#failed)]);

wait_until {
    $t->sql(q{SELECT count(*) FROM pg_stat_activity
        WHERE usename = 'carmen_app' AND datname = ?}, $t->database->name)
        <= 2 * 4
} 'the connections of the old workers are closed', 20;

# A mistake in the new configuration changes nothing.

my $right = $t->nginx->{template};
$t->nginx->{template} = "$right\nnonsense;\n";
$t->nginx->write_conf;
$t->expect(qr/unknown directive "nonsense"/);
kill 'HUP', $t->nginx->master;
wait_until { $t->nginx->log =~ /nonsense/ } 'the mistake is found';
is($c->get($path)->status, 200, 'and the old configuration serves on');
$t->nginx->{template} = $right;

# A worker is killed.

$t->expect(qr/exited on signal 9/);
$load = load();
wait_until { $load->read > 100 } 'the load runs';
for my $time (1 .. 3) {
    my %old = map { $_ => 1 } $t->nginx->workers;
    my ($victim) = keys %old;
    kill 'KILL', $victim;
    wait_until {
        my @now = $t->nginx->workers;
        @now == 2 && !grep { $_ == $victim } @now
    } "the master starts another worker ($time)";
    my $before = $load->read;
    wait_until { $load->read > $before + 100 } "and the load goes on ($time)";
}
@outcomes = $load->stop;

# Who was connected to the dead worker sees the connection close, no more.
@failed = grep { $_->[2] ne 'right' && $_->[2] !~ /^died: / } @outcomes;
is(scalar @failed, 0, 'no wrong answer among ' . @outcomes)
    or diag(map { "$_->[2]\n" } @failed[0 .. ($#failed > 4 ? 4 : $#failed)]);
my @died = grep { $_->[2] =~ /^died: / } @outcomes;
cmp_ok(scalar @died, '<=', 12, 'only those in flight were cut off: ' . @died);
is($t->sql(q{SELECT count(*) FROM (SELECT name FROM catalog.brand
    GROUP BY name HAVING count(*) > 1) d}), 0, 'nothing was made twice');

wait_until {
    $t->sql(q{SELECT count(*) FROM pg_stat_activity
        WHERE usename = 'carmen_app' AND datname = ?}, $t->database->name)
        <= 2 * 4
} 'the connections of the dead are closed', 20;

done_testing;
