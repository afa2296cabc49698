# Alive, ready, and why not.

use Carmen::Test;

my $t = Carmen::Test->new(private => 1,
    lanes => 'fast=2 write=2 lease=1 queue=64',
    locations => 'location = /health { carmen_health; }');
my $c = $t->client;

sub health
{
    my ($path) = @_;
    my $r = $t->client->get($path);
    return ($r->status, $r->json, $r);
}

# Alive from the first moment.

my ($status, $body, $r) = health('/health/live');
is($status, 200, 'live');
is($body->{status}, 'pass', 'it says so');
is($r->header('content-type'), 'application/health+json', 'the media type');
is($r->header('cache-control'), 'no-store', 'not to be kept');
ok(!$body->{checks}, 'nothing was looked at');

# Ready when each lane has its connections, in each worker.

wait_until { (health('/health/ready'))[1]{status} eq 'pass' } 'ready';
($status, $body) = health('/health/ready');
is($status, 200, 'ready');
is_deeply([map { [@$_{qw(componentId componentType observedValue
                         observedUnit status)}] }
           @{ $body->{checks}{'commerce:connections'} }],
    [['fast', 'datastore', 2, 'connections', 'pass'],
     ['write', 'datastore', 2, 'connections', 'pass'],
     ['lease', 'datastore', 1, 'connections', 'pass'],
     ['listen', 'datastore', 1, 'connections', 'pass']],
    'each lane of the upstream');
like($body->{checks}{'commerce:connections'}[0]{time},
    qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'the time of the observation');
unlike($r->body, qr/socket|dbname|\Q$$t{database}{name}\E/,
    'nothing of where the database is');

($status, $body) = health('/health');
is($status, 200, 'the whole');
is($body->{checks}{uptime}[0]{componentType}, 'system', 'with the process');
ok($body->{checks}{'commerce:connections'}, 'and its dependencies');

# What else one may ask.

problem_is($c->get('/health/nothing'), 404, 'not-found');
my $post = $c->post('/health/live', json => {});
problem_is($post, 405, 'method-not-allowed');
is($post->header('allow'), 'GET, HEAD, OPTIONS', 'Allow');
is($c->options('/health/ready')->status, 204, 'OPTIONS');
my $head = $c->head('/health/ready');
is($head->status, 200, 'HEAD');
is($head->body, '', 'HEAD has no body');
is($c->with(headers => { Authorization => 'Bearer nonsense' })
    ->get('/health/live')->status, 200, 'no one is asked who they are');

# The database goes and comes back.

$t->cluster->stop('immediate');
wait_until { (health('/health/ready'))[0] == 503 } 'not ready';
($status, $body) = health('/health/ready');
is($body->{status}, 'fail', 'it says so');
is($body->{checks}{'commerce:connections'}[0]{status}, 'fail', 'and why');
is($body->{checks}{'commerce:connections'}[0]{observedValue}, 0, 'with a value');
ok(length $body->{checks}{'commerce:connections'}[0]{output}, 'and a sentence');
is((health('/health'))[0], 503, 'the whole fails');
is((health('/health/live'))[0], 200, 'but the process lives');

$t->cluster->start;
wait_until {
    !grep { (health('/health/ready'))[1]{status} ne 'pass' } 1 .. 8
} 'ready again, in each worker';

# A schema that does not fit is named by its statement.

SKIP: {
    my %built = map { $_ => 1 } Carmen::Nginx::built();
    skip 'the catalog and auth are not built', 3
        if !$built{catalog} || !$built{auth};

    $t->sql('ALTER TABLE catalog.brand RENAME TO brand_of_tomorrow');
    $t->nginx->stop;
    $t->nginx->start;

    my $client = $t->client(sub => 'reader', scope => 'catalog:read');
    my $found = wait_until {
        $client->get('/api/v1/brands');
        my (undef, $body) = health('/health/ready');
        my @unfit = @{ $body->{checks}{'commerce:statements'} // [] };
        grep { $_->{componentId} =~ /^catalog_brand_/ } @unfit;
    } 'a statement that does not fit is found';
    ok($found, 'by name');
    is((health('/health/live'))[0], 200, 'the process lives all the same');

    $t->sql('ALTER TABLE catalog.brand_of_tomorrow RENAME TO brand');
    $t->nginx->stop;
    $t->nginx->start;
    wait_until { (health('/health/ready'))[1]{status} eq 'pass' }
        'fits again';
    ok(!(health('/health/ready'))[1]{checks}{'commerce:statements'},
        'and no statement is named');
}

done_testing;
